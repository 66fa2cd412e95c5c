// One box: its crop as a network sees it, every network's votes, where it moves, what became of it.

import { objectName, sentenceOf } from "./detections.mjs";
import { cropWindow, iou } from "./geometry.mjs";
import { element, fill } from "./drawing.mjs";
import { apart, fateSentence, two, verdictSentence, votesOf } from "./reasons.mjs";
import { pairBox } from "./selection.mjs";

// What was picked -> { box, pair }: the region (-1: there is none), and the class it is looked at
// for (-1: none).
export function pickedOf(image, target) {
  if (!target) return null;
  if ("pair" in target) return target;
  if ("found" in target) {
    const { pair } = image.found[target.found];
    return { box: image.pairBox[pair], pair, found: target.found };
  }
  if ("object" in target) {
    const fate = image.objects[target.object];
    const box = fate.pair >= 0 ? image.pairBox[fate.pair] : fate.box;
    return { box, pair: fate.pair ?? (box >= 0 ? bestOf(image, box) : -1), object: target.object, fate };
  }
  return { box: target.box, pair: bestOf(image, target.box) };
}

function bestOf(image, box) {
  const [pair = -1] = votesOf(image, box, 1);
  return pair;
}

export function inspect(state, image, onPick) {
  const panel = document.getElementById("inspector");
  const seen = state.hovered ?? state.picked;
  panel.classList.toggle("open", Boolean(state.picked));
  panel.classList.toggle("passing", Boolean(state.hovered));
  panel.setAttribute("aria-live", state.hovered ? "off" : "polite");
  if (!seen) {
    fill("inspected", element("p", { class: "soft" }, "Point at a box on the photograph, or at a line of the lists below it; "
      + "choose it to keep it here. Choose again at the same place for the next larger box."));
    return;
  }
  const { box, pair } = seen, { about } = state;
  const why = seen.fate ? element("p", { class: "why" }, `${objectName(state, image, seen.object)}: `
    + sentenceOf(state, image, seen.object, seen.fate)) : null;
  if (box < 0) {
    fill("inspected", why);
    return;
  }
  const corners = image.boxes.subarray(4 * box, 4 * box + 4);
  const canvas = element("canvas", { width: 224, height: 224, class: "crop", role: "img", "aria-label": "The crop of this box" });
  drawCrop(canvas, image, corners, about.crop);
  fill("inspected",
    why,
    element("h3", {}, `Box ${box + 1}`, element("span", { class: "soft" }, ` ${about.sources[image.sources[box]]}, `
      + `${Math.round(corners[2] - corners[0])} × ${Math.round(corners[3] - corners[1])} px`)),
    element("figure", { class: "seen" }, canvas, element("figcaption", {}, about.crop.known
      ? `What a network sees, at ${about.crop.size} px: the box with its context, warped to a square.`
      : "What a network sees: the box with 16 px of context at 224 px, warped to a square.")),
    element("h4", {}, "Votes"), votes(state, image, seen, onPick),
    ...became(state, image, seen, onPick));
}

function drawCrop(canvas, image, box, crop) {
  const size = canvas.width, context = canvas.getContext("2d");
  context.fillStyle = `rgb(${crop.mean.join(", ")})`;
  context.fillRect(0, 0, size, size);
  const seen = cropWindow(box, image.width, image.height, crop);
  if (!seen) return;
  const [x1, y1, x2, y2] = seen.source, across = image.picture.naturalWidth / image.width, down = image.picture.naturalHeight / image.height;
  const target = seen.target.map((side) => (side * size) / crop.size);
  context.drawImage(image.picture, x1 * across, y1 * down, (x2 - x1) * across, (y2 - y1) * down, ...target);
}

// A line a class: its name, the mean, a bar of it with a tick a network, and the networks' own.
function votes(state, image, { box, pair: chosen }, onPick) {
  const { about } = state, count = image.pairBox.length;
  const lines = votesOf(image, box).map((pair) => {
    const values = about.names.map((_, network) => image.networks[network * count + pair]);
    const said = about.names.map((name, network) => `${name} ${two(values[network])}`).join(" · ");
    const picked = pair === chosen;
    return element("li", { class: picked ? "picked" : "" },
      element("button", { type: "button", class: "plain", "aria-pressed": String(picked), onclick: () => onPick({ box, pair }) },
        about.classes[image.pairLabel[pair]]),
      element("b", {}, two(image.mean[pair])),
      element("div", { class: "bars", "aria-hidden": true }, element("div", { class: "bar", style: `width: ${100 * image.mean[pair]}%` }),
        ...values.map((value) => element("div", { class: "tick", style: `left: ${100 * value}%` }))),
      values.length > 1 ? element("small", {}, said) : null);
  });
  const background = element("li", { class: "soft" }, element("span", {}, "background"), element("b", {}, two(image.background[box])),
    element("div", { class: "bars", "aria-hidden": true }, element("div", { class: "bar pale", style: `width: ${100 * image.background[box]}%` })));
  return element("ul", { class: "votes" }, ...lines, background);
}

// What selection and truth say of the pair that is looked at.
function became(state, image, { box, pair }, onPick) {
  const { about } = state;
  if (pair < 0) return [element("p", {}, `No class scores ${image.floor.toPrecision(2)} or more here: nothing becomes of this box.`)];
  const fate = image.fates[pair], name = about.classes[image.pairLabel[pair]];
  const lines = [element("h4", {}, `As ${name}`)];
  if (image.moved) {
    const corners = image.boxes.subarray(4 * box, 4 * box + 4), moved = pairBox(image, pair);
    lines.push(element("p", {}, `Regression moves it: IoU ${two(iou(corners, 0, moved, 0))} with where it was (dashed on the photograph).`));
  }
  const by = fate && fate.by >= 0 ? fate.by : -1;
  lines.push(element("p", {}, fateSentence(fate, by >= 0 ? image.pairBox[by] + 1 : "", Number(image.threshold.toPrecision(3)))));
  if (by >= 0 && by !== pair) {
    lines.push(element("button", { type: "button", onclick: () => onPick({ box: image.pairBox[by], pair: by }) }, `Look at box ${image.pairBox[by] + 1}`));
  }
  const place = image.found.findIndex((entry) => entry.pair === pair || entry.members?.includes(pair));
  if (place >= 0 && about.annotated) {
    const said = verdictSentence(image.judged.verdicts[place], (object) => objectName(state, image, object));
    const { score, label } = image.found[place], shown = state.scores.get(label);
    lines.push(score < shown
      ? element("p", { class: "soft" }, `Not shown: its score ${apart(score, shown)} is below ${two(shown)}. Were it shown: ${said}`)
      : element("p", { class: image.judged.verdicts[place].kind }, said));
  }
  return lines;
}
