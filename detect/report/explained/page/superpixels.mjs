// The superpixels of an image after so many merges, in their mean colours or as outlines.

import { iou } from "./geometry.mjs";
import { fill, element } from "./drawing.mjs";
import { LOOKS } from "./looks.mjs";

const SHOWN = 60; // regions left at first

// The place among all regions that each segment (S,) belongs to after `step` merges.
export function rootsAfter(merged, segments, step) {
  const above = new Int32Array(segments + step).fill(-1);
  for (let i = 0; i < step; i++) {
    above[merged[2 * i]] = segments + i;
    above[merged[2 * i + 1]] = segments + i;
  }
  const roots = new Int32Array(segments + step);
  for (let place = segments + step - 1; place >= 0; place--) {
    roots[place] = above[place] < 0 ? place : roots[above[place]];
  }
  return roots.subarray(0, segments);
}

// How many merges (-1: never) until a region's box lies on each object by `least`.
export function coveredAt(image, least) {
  const { boxes, merged, width, height } = image.superpixels;
  const segments = boxes.length / 4 - merged.length / 2;
  const scaled = Float64Array.from(boxes, (side, i) => side * (i % 2 ? image.height / height : image.width / width));
  return image.truth.labels.map((_, object) => {
    for (let place = 0; place < boxes.length / 4; place++) {
      if (iou(scaled, place, image.truth.boxes, object) >= least) return Math.max(0, place - segments + 1);
    }
    return -1;
  });
}

export function drawSuperpixels(state, image, stage) {
  const own = image.superpixels;
  document.getElementById("superpixels").hidden = !own;
  if (!own) return;
  const merges = own.merged.length / 2, segments = own.boxes.length / 4 - merges;
  const slider = document.getElementById("step");
  slider.max = merges;
  state.step = Math.min(state.step ?? Math.max(0, segments - SHOWN), merges);
  slider.value = state.step;
  stage.begin(image.picture, image.width, image.height, 480);
  stage.context.imageSmoothingEnabled = false;
  stage.context.drawImage(painted(image, own, segments, state.step), 0, 0, ...stage.size);
  stage.context.imageSmoothingEnabled = true;
  own.covered ??= coveredAt(image, state.match);
  image.truth.labels.forEach((label, object) => {
    const reached = own.covered[object] >= 0 && own.covered[object] <= state.step;
    const box = image.truth.boxes.subarray(4 * object, 4 * object + 4);
    stage.box(box, reached ? LOOKS.covered : LOOKS.object);
  });
  if (state.step > 0) {
    const at = 4 * (segments + state.step - 1), across = image.width / own.width, down = image.height / own.height;
    const box = [own.boxes[at] * across, own.boxes[at + 1] * down, own.boxes[at + 2] * across, own.boxes[at + 3] * down];
    stage.box(box, LOOKS.moved, { width: 3 });
    stage.label(box, "merged last", LOOKS.moved);
  }
  const reached = own.covered.filter((step) => step >= 0 && step <= state.step).length;
  fill("superpixel-text", `${segments - state.step} regions left of ${segments}; ${segments + state.step} boxes so far. `
    + `Of ${own.covered.length} objects ${reached} have had a region on them (IoU ${state.match} or more).`);
  fill("superpixel-made", `Colour space ${own.colourSpace}, k ${own.k}, merged by ${own.strategy}: one of the hierarchies `
    + "that the proposals are from.");
}

function painted(image, own, segments, step) {
  const { width, height, labels } = own;
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image.picture, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height), data = pixels.data;
  const roots = rootsAfter(own.merged, segments, step);
  const sums = new Float64Array(4 * (segments + step));
  for (let at = 0; at < labels.length; at++) {
    const root = 4 * roots[labels[at]];
    for (let i = 0; i < 3; i++) sums[root + i] += data[4 * at + i];
    sums[root + 3]++;
  }
  for (let at = 0; at < labels.length; at++) {
    const root = roots[labels[at]], x = at % width;
    const edge = (x + 1 < width && roots[labels[at + 1]] !== root) || (at + width < labels.length && roots[labels[at + width]] !== root);
    for (let i = 0; i < 3; i++) {
      const mean = sums[4 * root + i] / sums[4 * root + 3];
      data[4 * at + i] = edge ? 0.4 * mean + 153 : 0.25 * data[4 * at + i] + 0.75 * mean;
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
