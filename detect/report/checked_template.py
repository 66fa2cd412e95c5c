"""The page of `detect check`: a Jinja template with its style inside, so that it is one file."""

from detect.report.stylesheet import STYLE

# An option is not broken at its hyphens.
_MACROS = """\
{% macro prose(text) -%}
{% for word in text.split(" ") %}{% if word.startswith("--") %}<span class="nobr">{{ word }}</span>
{%- else %}{{ word }}{% endif %} {% endfor %}
{%- endmacro %}
"""

_MORE_STYLE = """\
  .error { --level: #b3261e; } .warning { --level: #8a5a00; } .note { --level: #33658a; }
  .badge { color: var(--level); border: 1px solid var(--level); border-radius: 4px;
           padding: 1px 7px; font-size: 13px; font-weight: 600; white-space: nowrap; }
  .headline .none b { color: var(--soft); }
  .headline b { color: var(--level, inherit); }
  h2 .badge { margin-right: 8px; position: relative; top: -2px; }
  h2 .count { color: var(--soft); font-weight: 400; margin-left: 6px; }
  a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 2px; }
  .remedy { border-left: 4px solid var(--level); padding: 2px 0 2px 14px; }
  .lines { max-height: 380px; overflow-y: auto; border: 1px solid var(--line); background: #fff;
           margin: 0 0 16px; padding: 4px 0; list-style: none; }
  .lines li { padding: 5px 12px; font-size: 14px; overflow-wrap: anywhere; }
  .lines li + li { border-top: 1px solid var(--line); }
  .shots { display: grid; gap: 16px; align-items: start;
           grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); }
  .shots img { width: 100%; max-height: 600px; object-fit: contain; }
  .shots .wide { grid-column: 1 / -1; }
  td.title { width: 100%; }
  td.bars { width: 30%; min-width: 60px; }
  @media (max-width: 560px) {
    main { padding: 28px 16px 48px; }
    h1 { font-size: 27px; }
    .headline { gap: 8px; }
    .headline div { flex-basis: 90px; padding: 12px; }
    .headline b { font-size: 26px; }
    th, td { padding: 7px 8px; }
    td.bars, th.bars { display: none; }
  }
"""

_SUMMARY = """\
  <h1>{{ name }}</h1>
  <p class="soft">What is wrong or odd about {{ data }}. Errors stop training or leave it nothing
  to learn from.</p>
  <div class="headline">
    {% for level, text, count in counts -%}
    <div class="{{ level if count else 'none' }}"><b>{{ "{:,}".format(count) }}</b>
      <span>{{ text.split(" ")[1] }}</span></div>
    {% endfor -%}
  </div>
  {% if kinds -%}
  <div class="scroll gap"><table>
    {% for kind in kinds -%}
    <tr class="{{ kind.level }}"><td><span class="badge">{{ kind.level }}</span></td>
      <td class="title"><a href="#{{ kind.key }}">{{ kind.title }}</a></td>
      <td class="number">{{ "{:,}".format(kind.count) }}</td></tr>
    {% endfor -%}
  </table></div>
  {% else -%}
  <p>Nothing wrong or odd was found.</p>
  {% endif -%}
"""

_KINDS = """\
  {% for kind in kinds -%}
  <section class="{{ kind.level }}" id="{{ kind.key }}">
  <h2><span class="badge">{{ kind.level }}</span>{{ kind.title }}
    <span class="count">{{ "{:,}".format(kind.count) }}</span></h2>
  <p class="remedy">{{ prose(kind.remedy) }}</p>
  <ul class="lines">
    {% for line in kind.lines -%}
    <li>{{ prose(line) }}</li>
    {% endfor -%}
    {% if kind.count > kind.lines|length -%}
    <li class="soft">and {{ "{:,}".format(kind.count - kind.lines|length) }} more, in
      check.json</li>
    {% endif -%}
  </ul>
  {% if kind.pictures -%}
  <div class="shots">
    {% for url, caption, wide in kind.pictures -%}
    <figure{% if wide %} class="wide"{% endif %}><img src="{{ url }}" alt="{{ caption }}">
      <figcaption>{{ prose(caption) }}</figcaption></figure>
    {% endfor -%}
  </div>
  {% endif -%}
  </section>
  {% endfor -%}
"""

_COUNTS = """\
  <h2>Splits</h2>
  <div class="scroll fit"><table>
    <tr><th>split</th><th class="number">images</th><th class="number">objects</th>
      <th class="number">left out by <span class="nobr">--skip-bad</span></th></tr>
    {% for split, one in splits -%}
    <tr><td>{{ split }}</td>{% for key in ("images", "objects", "left_out") -%}
      <td class="number">{{ "{:,}".format(one[key]) }}</td>{% endfor %}</tr>
    {% endfor -%}
  </table></div>
  {% if classes -%}
  <h2>Objects by class</h2>
  <div class="scroll{% if classes|length > 25 %} tall{% endif %}"><table>
    <tr><th>class</th>{% for split in split_names %}<th class="number">{{ split }}</th>
      {%- endfor %}<th class="bars"></th></tr>
    {% for row in classes -%}
    <tr><td>{{ row.name }}</td>{% for count in row.counts -%}
      <td class="number">{{ "{:,}".format(count) }}</td>{% endfor -%}
      <td class="bars"><div class="bar" style="width: {{ row.width }}%"></div></td></tr>
    {% endfor -%}
  </table></div>
  {% endif -%}
  <p class="soft small">All findings stand in check.json beside this page.</p>
"""

PAGE = f"""\
{_MACROS}<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{{{ name }}}}: checked</title>
<style>
{STYLE}{_MORE_STYLE}</style>
</head>
<body>
<main>
{_SUMMARY}{_KINDS}{_COUNTS}</main>
</body>
</html>
"""
