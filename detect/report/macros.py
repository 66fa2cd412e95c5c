"""What several pages have: Jinja macros."""

PAIRS = """\
{% macro pairs(rows) -%}
<div class="scroll"><table>
  {% for key, value in rows -%}
  <tr><td class="key">{{ key }}</td><td class="value">{{ value }}</td></tr>
  {% endfor -%}
</table></div>
{%- endmacro %}
"""
