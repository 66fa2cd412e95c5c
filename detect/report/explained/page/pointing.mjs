// The box that is looked at: chosen, or under the mouse.

import { pickedOf } from "./inspector.mjs";
import { LOOKS } from "./looks.mjs";
import { pairBox } from "./selection.mjs";

// A mouse over a box, or over its line in a list, shows what choosing it shows, where there is room.
export function hovering(state, draw) {
  let now = "null", waiting = false;
  return (event, target) => {
    const next = event.pointerType === "touch" || !matchMedia("(min-width: 901px)").matches ? null : target;
    if (JSON.stringify(next) === now) return;
    now = JSON.stringify(next);
    state.hovered = pickedOf(state.images[state.current], next);
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  };
}

// On top of either photograph: the box looked at, where it moves, what suppressed it, its object.
export function drawLookedAt(state, image, stage) {
  stage.again();
  const seen = state.hovered ?? state.picked;
  if (!seen) return;
  const { box, pair } = seen;
  if ("object" in seen) stage.box(image.truth.boxes.subarray(4 * seen.object, 4 * seen.object + 4), LOOKS.covered, { width: 3 });
  if (box < 0) return;
  const by = pair >= 0 ? image.fates[pair]?.by ?? -1 : -1;
  stage.labels = [];
  if (by >= 0 && by !== pair) {
    stage.box(pairBox(image, by), LOOKS.rival, { width: 3 });
    stage.label(pairBox(image, by), `box ${image.pairBox[by] + 1}`, LOOKS.rival);
  }
  const corners = image.boxes.subarray(4 * box, 4 * box + 4);
  stage.box(corners, LOOKS.chosen, { width: 3 });
  if (image.moved && pair >= 0) stage.box(pairBox(image, pair), LOOKS.moved, { width: 3 });
  stage.label(corners, `box ${box + 1}`, LOOKS.chosen);
}
