"""The page on a detector's choices: a Jinja template with its style inside."""

from detect.report.macros import PAIRS
from detect.report.stylesheet import STYLE

_MACROS = """\
{% macro table(titles, words, rows) -%}
<div class="scroll fit"><table>
  <tr>{% for title in titles %}<th{% if loop.index > words %} class="number"{% endif %}
    >{{ title }}</th>{% endfor %}<th></th></tr>
  {% for chosen, row in rows -%}
  <tr{% if chosen %} class="yours"{% endif %}>{% for value in row -%}
    <td{% if loop.index > words %} class="number"{% endif %}>{{ value }}</td>{% endfor -%}
    <td>{% if chosen %}chosen{% endif %}</td></tr>
  {% endfor -%}
</table></div>
{%- endmacro %}
"""

_CHOICES = """\
  <h1>{{ name }}</h1>
  <p class="soft">A detector of detect train: {{ "{:,}".format(classes) }}
  class{% if classes > 1 %}es{% endif %},
  {{ networks }} network{% if networks > 1 %}s{% endif %}{% if one_trunk %} of one
  trunk{% endif %}. What its choices were made on.</p>
  <div class="headline">
    {% for figure, text in headline -%}
    <div><b>{{ figure }}</b><span>{{ text }}</span></div>
    {% endfor -%}
  </div>
  <p class="notice">All figures of this page are those of the <strong>held-out fit</strong>:
  networks that did not see the held-out images, on these. Choices were made on the same images, so
  that the figures are a little too good: score a test split to know.
  {% if again %}The region classifiers in the folder began with those trunks and learned from all
  images; nothing was measured on them.{% else %}The region classifiers in the folder are that
  fit.{% endif %}</p>

  <h2>What proposes</h2>
  <p>To learn from:</p>
  {{ table(["source", "boxes an image", "coverage, IoU 0.5", "IoU 0.7"], 1, sources) }}
  <p class="soft small">Coverage: held-out objects that any box reaches. The cheapest that
  covers nearly as much as the best.</p>
  <p>To find with:</p>
  {{ table(["source", "AP50", "AP", "mean"], 1, regions) }}
  <p class="soft small">Of the held-out images, each with its best selection. The cheaper one that
  is hardly worse; where both propose, MultiBox's boxes were tried alone too.</p>

  <h2>Looking and selecting</h2>
  {{ table(["a region is looked at", "selection", "AP50", "AP", "mean"], 2, tried) }}
  <p class="soft small">Of the held-out images. The best mean; to look more often must be clearly
  better.</p>

  <h2>Thresholds</h2>
  <div class="scroll fit{% if thresholds|length > 25 %} tall{% endif %}"><table>
    <tr><th>class</th><th class="number">shown from score</th></tr>
    {% for class, score in thresholds -%}
    <tr><td>{{ class }}</td><td class="number">{{ "%.2f"|format(score) }}</td></tr>
    {% endfor -%}
  </table></div>
  <p class="soft small">Where F1 is best on the held-out images. Detections are written from 0.01
  up.</p>
"""

_MADE = """\
  <h2>How it was made</h2>
  <div class="scroll fit"><table>
    <tr><th>step</th><th class="number">seconds</th></tr>
    {% for step, seconds in seconds -%}
    <tr><td>{{ step }}</td><td class="number">{{ seconds }}</td></tr>
    {% endfor -%}
  </table></div>
  <details open><summary>Plan and pace</summary>{{ pairs(plan) }}</details>
  <details><summary>Options</summary>{{ pairs(told) }}</details>
  <details><summary>Card</summary>{{ pairs(settings) }}</details>
  <p class="soft small">Every figure of this page stands in report.json beside it.</p>
"""

PAGE = f"""\
{_MACROS}{PAIRS}<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{{{ name }}}}: its choices</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
{_CHOICES}{_MADE}</main>
</body>
</html>
"""
