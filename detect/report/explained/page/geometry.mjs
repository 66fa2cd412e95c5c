// Boxes as flat arrays x1, y1, x2, y2, half-open px of the photograph; the arithmetic of boxes.py
// and crops/geometry.py.

const SMALLEST = 2.2250738585072014e-308; // px², of an empty box: 0 / 0 would be no number

export function areaOf(boxes, place) {
  const at = 4 * place;
  const area = Math.max(boxes[at + 2] - boxes[at], 0) * Math.max(boxes[at + 3] - boxes[at + 1], 0);
  return Math.max(area, SMALLEST);
}

function common(boxes, place, others, other) {
  const a = 4 * place, b = 4 * other;
  const across = Math.min(boxes[a + 2], others[b + 2]) - Math.max(boxes[a], others[b]);
  const down = Math.min(boxes[a + 3], others[b + 3]) - Math.max(boxes[a + 1], others[b + 1]);
  return Math.max(across, 0) * Math.max(down, 0);
}

// Intersection over union of box `place` of `boxes` with box `other` of `others`.
export function iou(boxes, place, others, other) {
  const shared = common(boxes, place, others, other);
  return shared / (areaOf(boxes, place) + areaOf(others, other) - shared);
}

// Share of box `place` that lies in box `other`: COCO's overlap with a crowd region.
export function coverage(boxes, place, others, other) {
  return common(boxes, place, others, other) / areaOf(boxes, place);
}

const FULL_CROP = 224; // px, the crop at which the context is counted: R-CNN, appendix A

// Half away from zero, as C does.
function roundAway(value) {
  return Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
}

// What a crop of `size` px of one box shows: source x1, y1, x2, y2 px of the image and target
// x, y, width, height px of the crop; null where nothing of the image shows.
export function cropWindow(box, width, height, crop) {
  const { first, last } = enlarged(box, crop);
  const across = axis(first[0], last[0], width, crop.size);
  const down = axis(first[1], last[1], height, crop.size);
  if (across.length < 1 || down.length < 1) return null;
  return {
    source: [across.start, down.start, across.end, down.end],
    target: [across.offset, down.offset, across.length, down.length],
  };
}

// First and last pixel, inclusive, of a box with its context, in single precision as in Caffe.
function enlarged(box, crop) {
  const f = Math.fround;
  if (crop.context === 0 && crop.mode === "warp") {
    const first = [roundAway(box[0]), roundAway(box[1])];
    return { first, last: [0, 1].map((i) => Math.max(roundAway(box[2 + i]) - 1, first[i])) };
  }
  const scale = f(f(FULL_CROP) / f(FULL_CROP - 2 * crop.context));
  const half = [0, 1].map((i) => f(f(box[2 + i] - box[i]) / 2));
  const centre = [0, 1].map((i) => f(box[i] + half[i]));
  const reach = crop.mode === "square" ? [Math.max(...half), Math.max(...half)] : half;
  const by = reach.map((side) => f(side * scale));
  return {
    first: [0, 1].map((i) => roundAway(f(centre[i] - by[i]))),
    last: [0, 1].map((i) => roundAway(f(centre[i] + by[i]))),
  };
}

function axis(first, last, length, size) {
  const scale = Math.fround(size / (last - first + 1));
  const before = Math.max(0, -first);
  const start = first + before, end = Math.min(last, length - 1) + 1;
  const offset = Math.min(roundAway(Math.fround(before * scale)), size);
  const visible = Math.max(end - start, 0);
  const shown = Math.min(roundAway(Math.fround(visible * scale)), size - offset);
  return { start, end, offset, length: shown };
}
