"""The scoreboard's style: fonts of the reader's system, colour only where it means something."""

STYLE = """\
  :root { --ink: #1c1c1f; --soft: #5f6068; --line: #e3e3e8; --ground: #fafafa; --accent: #0072b2;
          --pale: #c9ddeb; }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--ground); color: var(--ink);
         font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
  main { max-width: 1120px; margin: 0 auto; padding: 48px 24px 64px; }
  h1 { font-size: 34px; line-height: 1.2; margin: 0 0 8px; letter-spacing: -0.01em;
       overflow-wrap: anywhere; }
  h2 { font-size: 20px; margin: 56px 0 12px; }
  h3 { font-size: 16px; margin: 28px 0 8px; }
  p { margin: 0 0 12px; max-width: 46em; }
  a { color: var(--accent); }
  .soft { color: var(--soft); }
  .small { font-size: 14px; }
  .notice { border-left: 4px solid #e69f00; padding: 8px 16px; background: #fff7e6;
            margin: 12px 0 16px; max-width: 46em; }
  .headline { display: flex; flex-wrap: wrap; gap: 16px; margin: 24px 0 8px; }
  .headline div { background: #fff; border: 1px solid var(--line); border-radius: 8px;
                  padding: 16px 20px; flex: 1 1 200px; }
  .headline b { display: block; font-size: 32px; line-height: 1.2; font-weight: 650; }
  .headline span { color: var(--soft); font-size: 14px; }
  img { display: block; max-width: 100%; height: auto; background: #fff;
        border: 1px solid var(--line); border-radius: 8px; }
  .wide { overflow-x: auto; }
  img.plot { padding: 14px 16px; max-width: max(100%, 720px); }
  .pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
              gap: 16px; align-items: start; }
  .pictures img { width: 100%; }
  .few { grid-template-columns: repeat(auto-fill, minmax(min(100%, 240px), 1fr)); }
  figure { margin: 0; }
  figcaption { color: var(--soft); font-size: 14px; margin-top: 6px; overflow-wrap: anywhere; }
  .scroll { overflow-x: auto; margin: 0 0 16px; border: 1px solid var(--line); background: #fff; }
  .scroll:not(.fit) td:first-child { min-width: 116px; }
  .scroll:not(.fit) td:nth-child(2):not(.number):not(.value) { min-width: 160px; }
  .fit { width: fit-content; max-width: 100%; }
  .gap { margin-top: 16px; }
  .nobr { white-space: nowrap; }
  .tall { max-height: 640px; overflow-y: auto; }
  .tall th { position: sticky; top: 0; background: #fff; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: 7px 12px; border-bottom: 1px solid var(--line);
           vertical-align: top; font-size: 14px; }
  tr:last-child td { border-bottom: 0; }
  th { font-size: 13px; color: var(--soft); font-weight: 600; }
  td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
  td.number { white-space: nowrap; }
  td.curve { width: 84px; padding: 3px 12px; }
  tr.yours td { background: #eef5fa; font-weight: 600; }
  td.missing { color: var(--soft); }
  svg { display: block; width: 60px; height: 26px; background: var(--ground); }
  path { fill: var(--accent); }
  .bar { height: 10px; margin-top: 6px; background: var(--accent); border-radius: 2px; }
  td.key { width: 44%; font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
  td.value { overflow-wrap: anywhere; }
  summary { cursor: pointer; margin: 8px 0; }
"""
