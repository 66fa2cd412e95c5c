// Detections right, wrong and missed on the photograph, and their figures.

import { element, fill } from "./drawing.mjs";
import { ratios } from "./judging.mjs";
import { LOOKS } from "./looks.mjs";
import { fateOfObject, objectSentence, two, verdictSentence, votesOf } from "./reasons.mjs";
import { pairBox } from "./selection.mjs";
import { shownFrom, talliesOf } from "./state.mjs";

export function drawDetections(state, image, stage) {
  const shown = shownFrom(state), { classes } = state.about;
  stage.begin(image.picture, image.width, image.height);
  image.truth.labels.forEach((label, object) => {
    const fate = fateOfObject(image, object, shown, state.match);
    if (fate.state === "found") return;
    const look = fate.state === "ignored" ? LOOKS.ignored : LOOKS.missed;
    const box = image.truth.boxes.subarray(4 * object, 4 * object + 4);
    stage.box(box, look, { target: { object } });
    if (fate.state !== "ignored") stage.label(box, `${look.mark} ${classes[label]}`, look);
  });
  image.found.forEach((entry, place) => {
    if (entry.score < shown(entry.label)) return;
    const look = state.about.annotated ? LOOKS[image.judged.verdicts[place].kind] : LOOKS.right;
    stage.box(entry.box, look, { target: { found: place } });
    const mark = state.about.annotated ? `${look.mark} ` : "";
    stage.label(entry.box, `${mark}${classes[entry.label]} ${two(entry.score)}`, look);
  });
  if (state.picked) {
    stage.box(image.boxes.subarray(4 * state.picked.box, 4 * state.picked.box + 4), LOOKS.chosen, { width: 3 });
    if (image.moved && state.picked.pair >= 0) stage.box(pairBox(image, state.picked.pair), LOOKS.moved, { width: 3 });
  }
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
export function sayLists(state, image, onPick) {
  const shown = shownFrom(state), { classes } = state.about;
  const objects = image.truth.labels.map((label, object) => {
    const fate = fateOfObject(image, object, shown, state.match);
    const look = fate.state === "found" ? "right" : fate.state === "ignored" ? "ignored" : "missed";
    return element("li", {}, button(look, `${classes[label]}: ${sentenceOf(state, image, object, fate)}`, () => onPick({ object })));
  });
  fill("objects", ...(objects.length ? objects : [element("li", { class: "soft" }, "No object is marked in this image.")]));
  const nameOf = (object) => `the ${classes[image.truth.labels[object]]}`;
  const found = [];
  image.found.forEach((entry, place) => {
    if (entry.score < shown(entry.label) || found.length >= 100) return;
    const verdict = image.judged.verdicts[place];
    const said = state.about.annotated ? ` ${verdictSentence(verdict, nameOf)}` : "";
    found.push(element("li", {}, button(verdict.kind, `${classes[entry.label]} ${two(entry.score)}.${said}`, () => onPick({ found: place }))));
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
  return objectSentence({ ...fate, boxName: nameOf(fate.pair), byName: nameOf(fate.by ?? -1) },
    { label: classes[label], instead }, state.scores.get(label), state.match);
}

function button(kind, text, onclick) {
  return element("button", { class: `entry ${kind}`, type: "button", onclick },
    element("span", { class: "mark", "aria-hidden": true }, LOOKS[kind].mark), element("span", {}, text));
}

export function percent(share) {
  return Number.isNaN(share) ? "–" : `${(100 * share).toFixed(1)} %`;
}
