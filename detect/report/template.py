"""The scoreboard's page: a Jinja template with its style inside, so that the page is one file."""

from detect.report.diagnosis_template import DIAGNOSIS
from detect.report.macros import PAIRS
from detect.report.stylesheet import STYLE

# Macros and the parts of the page, in their order.
_MACROS = """\
{% macro cell(value, number) -%}
<td{% if number %} class="number"{% endif %}>{{ value }}</td>
{%- endmacro %}
{% macro picture(name, alt) -%}
<div class="wide"><img class="plot" src="{{ plots[name].url }}" width="{{ plots[name].width }}"
  alt="{{ alt }}"></div>
{%- endmacro %}
{% macro prose(text) -%}
{% for word in text.split(" ") %}{% if word.startswith("--") %}<span class="nobr">{{ word }}</span>
{%- else %}{{ word }}{% endif %} {% endfor %}
{%- endmacro %}
"""

_SCORES = """\
  <h1>{{ name }}</h1>
  <p class="soft">Detections on {{ data }}: {{ plural(images, "image") }} with
  {{ plural(objects, "object") }} that count, {{ plural(classes|length, "class") }}
  {%- if skipped %} ({{ skipped|length }} without objects: left out of every mean){% endif %}.</p>

  <div class="headline">
    {% for figure, text in headline -%}
    <div><b>{{ figure }}</b><span>{{ text }}</span></div>
    {% endfor -%}
  </div>
  {% if explained %}<p class="gap"><a href="{{ explained }}">A look inside</a>: some images, stage
  by stage.</p>
  {%- endif %}

  <h2>Mean average precision</h2>
  <div class="scroll"><table>
    <tr><th>run</th><th class="number">networks</th><th>regions</th>
      {% for protocol in protocols %}<th class="number">{{ protocol }}</th>{% endfor %}</tr>
    {% for run in runs -%}
    <tr><td>{{ run.name }}</td>{{ cell(run.networks, true) }}<td>{{ run.proposals }}</td>
      {% for value in run.map %}{{ cell(value, true) }}{% endfor %}</tr>
    {% endfor -%}
  </table></div>
  <p class="soft small">Percent, IoU 0.5; the last column is COCO's mean over IoU 0.50 to 0.95.
  Each by the official rule of its benchmark.{% if runs|length > 1 %} What follows is the first run,
  {{ name }}, in detail.{% endif %}</p>
  {% if "networks" in plots %}{{ picture("networks", "mAP of the runs") }}{% endif %}

  {% if ensemble -%}
  <h2>What each network brings</h2>
  {{ picture("ensemble", "mAP by number of networks") }}
  <div class="scroll fit gap"><table>
    <tr><th class="number">networks</th><th class="number">subsets scored</th>
      <th class="number">mAP, mean</th><th class="number">lowest</th><th class="number">highest</th>
    </tr>
    {% for row in ensemble.sizes -%}
    <tr>{% for value in row %}{{ cell(value, true) }}{% endfor %}</tr>
    {% endfor -%}
  </table></div>
  <div class="scroll fit"><table>
    <tr><th>network</th><th class="number">alone</th><th class="number">all without it</th>
      <th class="number">brings, points</th></tr>
    {% for row in ensemble.members -%}
    <tr>{% for value in row %}{{ cell(value, not loop.first) }}{% endfor %}</tr>
    {% endfor -%}
  </table></div>
  {% endif -%}

  <h2>Average precision by class</h2>
  {{ picture("classes", "Average precision of every class") }}
  <div class="scroll gap{% if classes|length > 25 %} tall{% endif %}"><table>
    <tr><th>class</th><th class="number">objects</th><th class="number">detections</th>
      {% for protocol in protocols %}<th class="number">{{ protocol }}</th>{% endfor %}
      <th class="number nobr">best F1</th><th class="number nobr">from score</th>
      <th>precision by recall</th><th style="width: 18%"></th></tr>
    {% for row in classes -%}
    <tr><td>{{ row.name }}</td>{{ cell("{:,}".format(row.objects), true) }}
      {{ cell("{:,}".format(row.detections), true) }}
      {% for value in row.ap %}{{ cell(value, true) }}{% endfor %}
      {{ cell(row.f1, true) }}{{ cell(row.score, true) }}
      <td class="curve"><svg viewBox="0 0 60 26" role="img" aria-label="precision by recall"
        ><path d="{{ row.path }}"/></svg></td>
      <td><div class="bar" style="width: {{ row.width }}%"></div></td></tr>
    {% endfor -%}
  </table></div>
  {% if skipped %}<p class="soft small">Without an object that counts:
  {{ skipped|join(", ") }}.</p>{% endif %}

  <h2>Precision and recall</h2>
  {{ picture("curves", "Precision against recall") }}
  <p class="soft small gap">VOC 2012: the best precision at this or a higher recall; the area is the
  average precision. The point is the best F1, 2 P R / (P + R), of a class, with the score from
  which detections have it; chosen on these images, it flatters.
  {%- if classes|length > curves_drawn %} The {{ curves_drawn // 2 }} best and the
  {{ curves_drawn // 2 }} worst of {{ classes|length }} classes; all stand in the table above.
  {%- endif %}</p>
"""

_LOSSES = """\
  {% if recall -%}
  <h2>Proposals</h2>
  {{ picture("recall", "Recall of the proposals") }}
  <div class="scroll gap"><table>
    <tr>{% for title in recall[0] %}<th{% if not loop.first %} class="number"{% endif %}
      >{{ title }}</th>{% endfor %}</tr>
    {% for row in recall[1:] -%}
    <tr>{% for value in row %}{{ cell(value, not loop.first) }}{% endfor %}</tr>
    {% endfor -%}
  </table></div>
  <p class="soft small">Percent. Recall gives every object a box of its own, coverage (R-CNN's)
  counts an object that any box reaches; AR is twice the area under recall by IoU from 0.5 to 1.
  Difficult objects included.</p>
  {% endif -%}

  <h2>Where the mAP is lost: by stage</h2>
  {{ picture("ceiling", "mAP if one stage were perfect") }}
  <div class="scroll gap"><table>
    <tr><th>stage</th><th>what is supposed</th><th class="number nobr">mAP, %</th>
      <th class="number">gain</th></tr>
    {% for stage, text, value, gain in stages -%}
    <tr><td>{{ stage }}</td><td>{{ text }}</td>{{ cell(value, true) }}{{ cell(gain, true) }}</tr>
    {% endfor -%}
  </table></div>
  <p class="soft small">VOC 2012, IoU 0.5. Each line changes one thing and leaves the rest as found.
  {%- if not recall %} With <span class="nobr">--proposals</span> the ceiling of the regions is
  shown as well.{% endif %}
  Exact definitions: detect/evaluation/ceiling.py.</p>

  <h2>Where the mAP is lost: by type of error</h2>
  {{ picture("errors", "Cost and number of errors by type") }}
  <div class="scroll gap"><table>
    <tr><th>error</th><th>what it is</th><th class="number">of score {{ shown }} up</th>
      <th class="number">in all</th><th class="number">costs, points of mAP</th></tr>
    {% for row in errors -%}
    <tr><td>{{ row.name }}</td><td>{{ row.text }}</td>
      {{ cell("{:,}".format(row.shown), true) }}{{ cell("{:,}".format(row.count), true) }}
      {{ cell(row.cost, true) }}</tr>
    {% endfor -%}
  </table></div>
  <p class="soft small">Types and remedies after TIDE (Bolya et al. 2020, arXiv 2008.08115), which
  refines Hoiem et al. 2012; matching and mAP by VOC 2012. A cost is the mAP gained were this type
  alone remedied; costs do not add up to the whole loss.</p>

  {% for title, shown_images in pictures if shown_images -%}
  <h2>{{ title }}</h2>
  <div class="pictures">
    {% for url, caption, link in shown_images -%}
    <figure><img src="{{ url }}" alt="{{ caption }}"><figcaption>{{ caption }}
      {%- if link %}. <a href="{{ link }}">Look inside</a>{% endif %}</figcaption></figure>
    {% endfor -%}
  </div>
  {% endfor -%}
  <p class="soft small gap">Chosen by the F-score of the detections of score {{ shown }} or more,
  2 right / (2 right + wrong + missed) by VOC 2012's matching; of equal images the one with more in
  it.</p>
"""

_PAPER = """\
  <h2>Beside the paper</h2>
  <p class="notice">The paper's figures are of ILSVRC14: other data, 200 classes, other training.
  Yours are of {{ data }}. They stand side by side to show what was claimed and what happened
  here; <strong>the numbers do not compare.</strong></p>
  <div class="scroll"><table>
    <tr><th>section 8 says</th><th>the paper, on ILSVRC14</th><th>yours, on {{ data }}</th></tr>
    {% for claim in claims -%}
    <tr><td>{{ claim.text }}</td><td>{{ claim.paper }}</td>
      <td{% if not claim.measured %} class="missing"{% endif %}>{{ prose(claim.ours) }}</td></tr>
    {% endfor -%}
  </table></div>
  <p class="soft small">Yours: mAP by the ILSVRC protocol, coverage at IoU 0.5.</p>
  {% for table, ours, note in tables -%}
  <h3>Table {{ table.number }}: {{ table.caption }}</h3>
  <div class="scroll fit"><table>
    <tr>{% for title in table.head %}<th{% if loop.index0 in table.numbers %} class="number"
      {%- endif %}>{{ title }}</th>{% endfor %}</tr>
    {% for row in table.rows -%}
    <tr>{% for value in row %}{{ cell(value, loop.index0 in table.numbers) }}{% endfor %}</tr>
    {% endfor -%}
    {% for row in ours -%}
    <tr class="yours">{% for value in row %}{{ cell(value, loop.index0 in table.numbers) }}
      {%- endfor %}</tr>
    {% endfor -%}
  </table></div>
  {% if note %}<p class="soft small">{{ prose(note) }}</p>{% endif %}
  {% endfor -%}
  <p class="soft small">{{ source }}.</p>

  <h2>Departures from the paper</h2>
  <div class="scroll"><table>
    <tr><th>the paper</th><th>here</th></tr>
    {% for theirs, ours in departures -%}
    <tr><td>{{ prose(theirs) }}</td><td>{{ prose(ours) }}</td></tr>
    {% endfor -%}
  </table></div>

  <h2>What the paper does not fix</h2>
  <div class="scroll"><table>
    <tr><th>open</th><th>chosen here</th><th>from</th></tr>
    {% for what, choice, origin in choices -%}
    <tr><td>{{ what }}</td><td>{{ choice }}</td><td>{{ origin }}</td></tr>
    {% endfor -%}
  </table></div>
"""

_RECIPES = """\
  <h2>Recipe and environment</h2>
  {% for run in runs -%}
  <details{% if loop.first %} open{% endif %}><summary>{{ run.name }}</summary>
  {% if run.settings %}{{ pairs(run.settings) }}{% else -%}
  <p class="soft">No recipe was recorded (config.toml).</p>{% endif %}
  {% if run.surroundings %}{{ pairs(run.surroundings) }}{% else -%}
  <p class="soft">No environment was recorded (environment.json).</p>{% endif %}
  </details>
  {% endfor -%}
  <p class="soft small">Every figure of this page stands in report.json beside it.</p>
"""

PAGE = f"""\
{_MACROS}{PAIRS}<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{{{ name }}}} on {{{{ data }}}}</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
{_SCORES}{_LOSSES}{DIAGNOSIS}{_PAPER}{_RECIPES}</main>
</body>
</html>
"""
