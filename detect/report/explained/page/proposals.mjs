// The proposals of an image, a colour a source, up to a budget; which objects they cover.

import { iou } from "./geometry.mjs";
import { element, fill } from "./drawing.mjs";
import { LOOKS, sourceColour } from "./looks.mjs";

// The rank, from 1, of the first box that lies on each object by `least`; 0 for none.
export function firstCover(image, least) {
  return image.truth.labels.map((_, object) => {
    for (let box = 0; box < image.boxes.length / 4; box++) {
      if (iou(image.boxes, box, image.truth.boxes, object) >= least) return box + 1;
    }
    return 0;
  });
}

export function drawProposals(state, image, stage) {
  const count = image.boxes.length / 4, slider = document.getElementById("budget");
  const shown = Math.min(state.budget, count);
  slider.max = count;
  slider.value = shown;
  image.first ??= firstCover(image, state.match);
  stage.begin(image.picture, image.width, image.height);
  stage.dim(0.25);
  const alpha = Math.max(0.1, Math.min(1, 40 / Math.max(shown, 1)));
  for (let box = shown - 1; box >= 0; box--) {
    const look = { colour: sourceColour(image.sources[box]), dash: [] };
    stage.box(image.boxes.subarray(4 * box, 4 * box + 4), look, { width: 1, alpha, edge: false, target: { box } });
  }
  image.truth.labels.forEach((label, object) => {
    const covered = image.first[object] && image.first[object] <= shown;
    const box = image.truth.boxes.subarray(4 * object, 4 * object + 4);
    stage.box(box, covered ? LOOKS.covered : LOOKS.object, { width: covered ? 3 : 2 });
    if (!covered && !stage.crowded(image.truth.labels.length)) stage.label(box, state.about.classes[label], LOOKS.object);
  });
  stage.keep();
  say(state, image, shown, count);
}

function say(state, image, shown, count) {
  const covered = image.first.filter((rank) => rank && rank <= shown).length;
  fill("proposal-text", element("b", { id: "covered" }, `${covered} of ${image.first.length}`),
    ` objects covered by the first ${shown.toLocaleString("en")} of ${count.toLocaleString("en")} boxes (IoU ${state.match} or more).`);
  const counts = new Map();
  for (let box = 0; box < shown; box++) counts.set(image.sources[box], (counts.get(image.sources[box]) ?? 0) + 1);
  fill("sources", ...[...counts].map(([source, number]) => element("li", {},
    element("i", { style: `border-color: ${sourceColour(source)}` }), `${state.about.sources[source]}: ${number.toLocaleString("en")}`)),
  ...(image.first.length ? [element("li", {}, element("i", { class: "covered" }), "covered object"),
    element("li", {}, element("i", { class: "object" }), "object not covered")] : []));
}
