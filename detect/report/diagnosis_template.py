"""The part of the scoreboard's page on confusions, scores and labels in doubt."""

DIAGNOSIS = """\
  <h2>What is taken for what</h2>
  {% if "confusion" in plots %}{{ picture("confusion", "Confusion matrix") }}{% endif %}
  {% if confusions -%}
  <div class="scroll fit gap{% if confusions|length > 12 %} tall{% endif %}"><table>
    <tr><th>labelled as</th><th>detected as</th><th class="number">objects</th>
      <th class="number">of</th></tr>
    {% for name, other, count, total in confusions -%}
    <tr><td>{{ name }}</td><td>{{ other }}</td>{{ cell("{:,}".format(count), true) }}
      {{ cell("{:,}".format(total), true) }}</tr>
    {% endfor -%}
  </table></div>
  {% else -%}
  <p class="gap">No object is taken for one of another class.</p>
  {% endif -%}
  <p class="soft small gap">Detections from the score of each class's best F1 up (see above). Best
  score first, each takes the object that it overlaps most among those that are left, whatever the
  classes, from IoU 0.5 up. The column background holds objects that nothing found, the row
  background detections on no object, duplicates too. Difficult objects and crowds are left out.
  {%- if "confusion" not in plots %} The whole matrix stands in report.json.{% endif %}</p>

  <h2>What a score is worth</h2>
  {% if "reliability" in plots -%}
  {{ picture("reliability", "Reliability diagram") }}
  <div class="scroll fit gap"><table>
    <tr><th class="number">score</th><th class="number">detections</th>
      <th class="number">mean score, %</th><th class="number">precision, %</th></tr>
    {% for row in reliability -%}
    <tr>{% for value in row %}{{ cell(value, true) }}{% endfor %}</tr>
    {% endfor -%}
  </table></div>
  <p class="soft small">Where a point is below the dashed line, detections of that score are right
  less often than it says. Expected calibration error: the mean gap between score and precision over
  {{ bins }} bins, each by its detections (Guo et al. 2017, arXiv 1706.04599), so mostly that of the
  scores that are frequent. All detections of the run count, right by VOC 2012 at IoU 0.5.</p>
  {% else -%}
  <p>The scores of this run are no probabilities, some are not from 0 to 1: whether they are right
  as often as they say cannot be asked.</p>
  {% endif -%}

  <h2>Labels in doubt</h2>
  {% if doubts -%}
  <p>{{ doubts }}: detections that score {{ confident }} or more, where labels say otherwise.
  That the label is missing or wrong is likelier here than elsewhere, and not certain: look.</p>
  {% if doubts_drawn -%}
  <div class="pictures few">
    {% for url, caption in doubts_drawn -%}
    <figure>{% if url %}<img src="{{ url }}" alt="{{ caption }}">{% endif %}
      <figcaption>{{ caption }}</figcaption></figure>
    {% endfor -%}
  </div>
  {% endif -%}
  {% if doubts_more -%}
  <details><summary>{{ doubts_more|length }} more</summary>
  <div class="scroll tall"><table>
    {% for line in doubts_more %}<tr><td>{{ line }}</td></tr>
    {% endfor -%}
  </table></div></details>
  {% endif -%}
  {% else -%}
  <p>None: no detection that scores {{ confident }} or more contradicts a label.</p>
  {% endif -%}
  <p class="soft small gap">The rule is ours, that of detect check
  <span class="nobr">--detections</span>: missing, where no label has IoU 0.1 with the detection
  (dashed in the picture, labels thin); wrong, where a label has IoU 0.5 with such detections of
  other classes, none of them right about another object, and with none of its own class. On images
  that were trained on it finds less: networks learn wrong labels too.
  <span class="nobr">--labels OUT.json</span> writes them as COCO JSON for an annotation tool;
  nothing is changed in the data.</p>
"""
