"""The demo's page: a Jinja template with its style inside, so that the page is one file."""

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>detect demo</title>
<style>
  :root { --ink: #1c1c1f; --soft: #5f6068; --line: #e3e3e8; --ground: #fafafa; --accent: #007a59; }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--ground); color: var(--ink);
         font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
  main { max-width: 1120px; margin: 0 auto; padding: 48px 24px 64px; }
  h1 { font-size: 34px; line-height: 1.2; margin: 0 0 8px; letter-spacing: -0.01em; }
  h2 { font-size: 20px; margin: 48px 0 12px; }
  p { margin: 0 0 12px; max-width: 46em; }
  .soft { color: var(--soft); }
  .notice { border-left: 4px solid #e69f00; padding: 8px 16px; background: #fff7e6;
            margin: 20px 0 32px; max-width: 46em; }
  .figures { display: flex; flex-wrap: wrap; gap: 16px; margin: 0 0 8px; }
  .figure { background: #fff; border: 1px solid var(--line); border-radius: 8px;
            padding: 16px 20px; flex: 1 1 200px; }
  .figure b { display: block; font-size: 32px; line-height: 1.2; font-weight: 650; }
  .figure span { color: var(--soft); font-size: 14px; }
  img { display: block; width: 100%; height: auto; background: #fff;
        border: 1px solid var(--line); border-radius: 8px; }
  .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 16px;
          align-items: start; }
  figure { margin: 0; }
  figcaption { color: var(--soft); font-size: 14px; margin-top: 6px; }
  .scroll { overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; background: #fff;
          border: 1px solid var(--line); }
  th, td { text-align: left; padding: 8px 12px; border-bottom: 1px solid var(--line);
           vertical-align: top; }
  th { font-size: 13px; color: var(--soft); font-weight: 600; }
  td.number, th.number { text-align: right; font-variant-numeric: tabular-nums;
                         white-space: nowrap; }
  .bar { height: 10px; margin-top: 7px; background: var(--accent); border-radius: 2px; }
  code { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; color: #33343a;
         overflow-wrap: anywhere; }
  pre { background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: 16px;
        overflow-x: auto; margin: 0; }
</style>
</head>
<body>
<main>
  <h1>Regions, a GoogLeNet, detections</h1>
  <p class="soft">R-CNN as in GoogLeNet's ILSVRC14 entry, run on this computer from nothing to a
  scored detector in {{ "%.0f"|format(total) }} seconds.</p>
  <p class="notice"><strong>{{ notice }}</strong> The objects of the test scenes are those of the
  train scenes (the coins are others), on backgrounds never trained on.</p>

  <div class="figures">
    <div class="figure"><b>{{ "%.1f"|format(100 * map) }} %</b>
      <span>mAP at IoU 0.5 on the test scenes, rules of VOC 2012</span></div>
    <div class="figure"><b>{{ "%.1f"|format(100 * recall.all) }} %</b>
      <span>of the objects are among the {{ "%.0f"|format(recall.boxes) }} regions
      proposed a scene (IoU 0.5); {{ "%.1f"|format(100 * recall.at_budget) }} % among the
      first {{ recall.budget }}</span></div>
    <div class="figure"><b>{{ "%.0f"|format(total) }} s</b>
      <span>for everything, training from scratch included</span></div>
  </div>

  <h2>Detections</h2>
  <figure>
    <img src="{{ sheet }}" alt="Detections on the first test scenes, right and wrong told apart">
    <figcaption>The first test scenes of the list, not chosen. All of them are in
    <code>pictures/</code>.</figcaption>
  </figure>

  <h2>Average precision</h2>
  <div class="scroll"><table>
    <tr><th>class</th><th class="number">objects</th><th class="number">AP, %</th>
      <th style="width: 50%"></th></tr>
    {% for name, figures in per_class.items() -%}
    <tr><td>{{ name }}</td><td class="number">{{ figures.positives }}</td>
      <td class="number">{{ "%.1f"|format(100 * figures.ap) }}</td>
      <td><div class="bar" style="width: {{ "%.1f"|format(100 * figures.ap) }}%"></div></td></tr>
    {% endfor -%}
  </table></div>

  <h2>What goes in</h2>
  <div class="pair">
    {% for caption, picture in steps -%}
    <figure><img src="{{ picture }}" alt="{{ caption }}"><figcaption>{{ caption }}</figcaption>
    </figure>
    {% endfor -%}
  </div>

  <h2>How it was made</h2>
  <div class="scroll"><table>
    <tr><th>stage</th><th class="number">seconds</th></tr>
    {% for title, line, seconds in stages -%}
    <tr><td>{{ title }}{% if line %}<br><code>{{ line }}</code>{% endif %}</td>
      <td class="number">{{ "%.1f"|format(seconds) }}</td></tr>
    {% endfor -%}
  </table></div>

  <h2>Your own photographs</h2>
  <p>The same commands work on any data set in the layout of PASCAL VOC, COCO or ILSVRC DET; see
  the README for a recipe.</p>

  <p class="soft" style="margin-top: 48px; font-size: 14px">Scenes after Dwibedi, Misra and Hebert,
  &ldquo;Cut, Paste and Learn&rdquo;, ICCV 2017 (arXiv 1708.01642), from photographs that come
  inside scikit-image: astronaut, shuttle and Hubble deep field by NASA; cat (Stefan van der Walt),
  coffee (Rachel Michetti), brick, camera (Lav Varshney), cell, grass, gravel, retina, CC0; clock
  and text, public domain; coins (Brooklyn Museum) and tissue (CMMI), no known copyright
  restrictions.</p>
</main>
</body>
</html>
"""
