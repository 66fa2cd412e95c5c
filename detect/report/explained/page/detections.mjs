// Detections right, wrong and missed on the photograph, and their figures.

import { element, fill } from "./drawing.mjs";
import { ratios } from "./judging.mjs";
import { LOOKS } from "./looks.mjs";
import { objectSentence, two, verdictSentence, votesOf } from "./reasons.mjs";
import { shownFrom, talliesOf } from "./state.mjs";

export function drawDetections(state, image, stage) {
  const shown = shownFrom(state), { classes } = state.about;
  stage.begin(image.picture, image.width, image.height);
  const count = image.found.filter((entry) => entry.score >= shown(entry.label)).length;
  const brief = stage.crowded(count + image.objects.filter((fate) => fate.state !== "found").length);
  image.objects.forEach((fate, object) => {
    if (fate.state === "found") return;
    const look = fate.state === "ignored" ? LOOKS.ignored : LOOKS.missed;
    const box = image.truth.boxes.subarray(4 * object, 4 * object + 4);
    stage.box(box, look, { target: { object } });
    const name = brief ? `${object + 1}` : objectName(state, image, object);
    if (fate.state !== "ignored") stage.label(box, `${look.mark} ${name}`, look);
  });
  image.found.forEach((entry, place) => {
    if (entry.score < shown(entry.label)) return;
    const look = state.about.annotated ? LOOKS[image.judged.verdicts[place].kind] : LOOKS.right;
    stage.box(entry.box, look, { target: { found: place } });
    const mark = state.about.annotated ? `${look.mark} ` : "";
    stage.label(entry.box, `${mark}${classes[entry.label]}${brief ? "" : ` ${two(entry.score)}`}`, look);
  });
  stage.keep();
}

// What an object is called: its class, and its number where there are several.
export function objectName(state, image, object) {
  const name = state.about.classes[image.truth.labels[object]];
  return image.truth.labels.length > 1 ? `${name} ${object + 1}` : name;
}

export function sayFigures(state, image) {
  const { each, all } = talliesOf(state), own = each[state.current];
  document.getElementById("figures").hidden = !state.about.annotated;
  if (!state.about.annotated) return;
  const row = (name, one) => {
    const { precision, recall } = ratios(one);
    return element("tr", { "data-row": name }, element("th", { scope: "row" }, name),
      ...[one.right, one.wrong, one.missed].map((number) => element("td", {}, String(number))),
      element("td", {}, percent(precision)), element("td", {}, percent(recall)));
  };
  fill("tallies", row("this image", own), ...(state.images.length > 1 ? [row(`all ${state.images.length} shown`, all)] : []));
  fill("map", element("b", { "data-map": Number.isNaN(state.map) ? "" : state.map }, percent(state.map)),
    ` mean average precision of the shown images (VOC 2012, IoU ${state.match}), of all detections from score ${Number(image.threshold.toPrecision(3))} up.`);
}

// A row a class that is in the shown images: average precision, and its own score.
export function sayClasses(state, onScore) {
  const rows = [];
  state.about.classes.forEach((name, label) => {
    const known = state.perClass.get(label);
    const there = state.images.some((image) => image.found.some((entry) => entry.label === label && entry.score >= 0.05));
    if (!known && !there) return;
    const slider = element("input", { type: "range", min: 0, max: 1, step: 0.01, value: state.scores.get(label),
      "aria-label": `Score from which ${name} is shown`, oninput: (event) => onScore(label, Number(event.target.value)) });
    rows.push(element("tr", {}, element("th", { scope: "row" }, name),
      element("td", { "data-ap": known ? known.ap : "", "data-class": name }, known ? percent(known.ap) : "–"),
      element("td", {}, slider), element("td", { class: "value" }, two(state.scores.get(label)))));
  });
  fill("classes", ...rows);
}

// Buttons for every object and every detection: what the canvas shows, for keyboards and readers.
export function sayLists(state, image, onPick, onHover) {
  const shown = shownFrom(state), { classes } = state.about;
  const button = (kind, text, target) => element("button", {
    class: `entry ${kind}`, type: "button", onclick: () => onPick(target),
    onpointerenter: (event) => onHover(event, target), onpointerleave: (event) => onHover(event, null),
  }, element("span", { class: "mark", "aria-hidden": true }, LOOKS[kind].mark), element("span", {}, text));
  const objects = image.objects.map((fate, object) => {
    const look = fate.state === "found" ? "right" : fate.state === "ignored" ? "ignored" : "missed";
    return element("li", {}, button(look, `${objectName(state, image, object)}: ${sentenceOf(state, image, object, fate)}`, { object }));
  });
  fill("objects", ...(objects.length ? objects : [element("li", { class: "soft" }, "No object is marked in this image.")]));
  const nameOf = (object) => objectName(state, image, object);
  const found = [];
  image.found.forEach((entry, place) => {
    if (entry.score < shown(entry.label) || found.length >= 100) return;
    const verdict = image.judged.verdicts[place];
    const said = state.about.annotated ? ` ${verdictSentence(verdict, nameOf)}` : "";
    found.push(element("li", {}, button(verdict.kind, `${classes[entry.label]} ${two(entry.score)}.${said}`, { found: place })));
  });
  fill("found", ...(found.length ? found : [element("li", { class: "soft" }, "Nothing reaches the score.")]));
}

export function sentenceOf(state, image, object, fate) {
  const { classes } = state.about, nameOf = (pair) => (pair >= 0 ? `${image.pairBox[pair] + 1}` : "");
  const label = image.truth.labels[object];
  const votes = fate.box >= 0 ? votesOf(image, fate.box, 1) : [];
  const background = fate.box >= 0 ? image.background[fate.box] : 0;
  const instead = votes.length && image.mean[votes[0]] > background
    ? `${classes[image.pairLabel[votes[0]]]} (${two(image.mean[votes[0]])})` : `background (${two(background)})`;
  const other = fate.nearer?.object ?? -1;
  const nearerName = other >= 0 && other !== object ? objectName(state, image, other) : "";
  const bestName = fate.box >= 0 ? `${fate.box + 1}` : "";
  return objectSentence({ ...fate, boxName: nameOf(fate.pair ?? -1), byName: nameOf(fate.by ?? -1), bestName, nearerName },
    { label: classes[label], instead, least: Number(image.threshold.toPrecision(3)) }, state.scores.get(label), state.match);
}

export function percent(share) {
  return Number.isNaN(share) ? "–" : `${(100 * share).toFixed(1)} %`;
}
