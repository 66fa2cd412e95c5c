// What became of a box, and why an object was found or missed: as data and as sentences.

import { iou } from "./geometry.mjs";
import { pairBox } from "./selection.mjs";

// The pairs of one box, the best five by the networks' mean.
export function votesOf(image, box, most = 5) {
  const pairs = [];
  for (let pair = 0; pair < image.pairBox.length; pair++) if (image.pairBox[pair] === box) pairs.push(pair);
  return pairs.sort((a, b) => image.mean[b] - image.mean[a]).slice(0, most);
}

// Why object `object` is found or missed at the chosen scores: { state, box, pair, by, overlap,
// score, best }. States: found, ignored, place, moved (off it), class, score, suppressed, lowered,
// capped, taken (`nearer`: the verdict of what it became).
export function fateOfObject(image, object, shown, least) {
  const { found, judged, fates, truth } = image;
  const finder = judged.finders[object], label = truth.labels[object];
  // Neither depends on what is chosen on the page.
  image.around ??= truth.labels.map((_, place) => ({ cover: coverOf(image, place), near: pairsNear(image, place, least) }));
  const { cover, near } = image.around[object];
  if (truth.crowd[object] || truth.difficult[object]) return { state: "ignored", ...cover };
  if (finder >= 0 && found[finder].score >= shown(label)) {
    const entry = found[finder];
    const overlap = judged.verdicts[finder].own.overlap;
    return { state: "found", pair: entry.pair, score: entry.score, overlap, ...cover };
  }
  if (finder >= 0) {
    const entry = found[finder];
    return { state: "score", pair: entry.pair, score: entry.score, overlap: iou(entry.box, 0, truth.boxes, object), ...cover };
  }
  if (!near.length) {
    const off = movedOff(image, object, least);
    if (off) return { state: "moved", ...off, score: image.mean[off.pair], ...cover };
    return { state: cover.best < least ? "place" : "class", ...cover };
  }
  const pair = near[0], fate = fates[pair];
  const overlap = iou(pairBox(image, pair), 0, truth.boxes, object);
  const one = { pair, overlap, score: image.mean[pair], ...cover };
  if (!fate) return { ...one, state: "class" };
  if (fate.state === "kept" || fate.state === "fused") {
    const place = found.findIndex((entry) => entry.pair === pair || entry.members?.includes(pair));
    return { ...one, state: "taken", fate, nearer: judged.verdicts[place]?.own ?? { object: -1 } };
  }
  return { ...one, state: fate.state, by: fate.by, byOverlap: fate.overlap, now: fate.score };
}

// The pair of the object's class with the best score whose region lies on it before it is moved.
function movedOff(image, object, least) {
  let best = null;
  for (let pair = 0; image.moved && pair < image.pairBox.length; pair++) {
    if (image.pairLabel[pair] !== image.truth.labels[object] || !image.fates[pair]) continue;
    const before = iou(image.boxes, image.pairBox[pair], image.truth.boxes, object);
    if (before < least || (best && image.mean[pair] <= image.mean[best.pair])) continue;
    best = { pair, before, overlap: iou(pairBox(image, pair), 0, image.truth.boxes, object) };
  }
  return best;
}

// The box, as proposed or as moved, that covers an object best.
export function coverOf(image, object) {
  let best = 0, box = -1;
  for (let place = 0; place < image.boxes.length / 4; place++) {
    const value = iou(image.boxes, place, image.truth.boxes, object);
    if (value > best) [best, box] = [value, place];
  }
  for (let pair = 0; image.moved && pair < image.pairBox.length; pair++) {
    const value = iou(pairBox(image, pair), 0, image.truth.boxes, object);
    if (value > best) [best, box] = [value, image.pairBox[pair]];
  }
  return { best, box };
}

// Pairs of the object's class that lie on it by `least` or more, best score first.
function pairsNear(image, object, least) {
  const near = [];
  for (let pair = 0; pair < image.pairBox.length; pair++) {
    if (image.pairLabel[pair] !== image.truth.labels[object]) continue;
    if (iou(pairBox(image, pair), 0, image.truth.boxes, object) >= least) near.push(pair);
  }
  return near.sort((a, b) => image.mean[b] - image.mean[a]);
}

export function objectSentence(fate, names, shown, least) {
  const cover = fate.bestName ? `the nearest, box ${fate.bestName}, has IoU ${two(fate.best)} with it` : "there is none near it";
  switch (fate.state) {
    case "ignored": return "Difficult or a crowd: neither right nor missed.";
    case "found": return `Found by box ${fate.boxName}, score ${two(fate.score)}, IoU ${two(fate.overlap)}.`;
    case "score": return `Missed for its score: box ${fate.boxName} is on it (IoU ${two(fate.overlap)}), but scores ${apart(fate.score, shown)}, below ${two(shown)}.`;
    case "place": return `Missed for the place: no box lies on it by IoU ${two(least)}; ${cover}.`;
    case "moved": return `Missed for the place: box ${fate.boxName} lay on it (IoU ${two(fate.before)}) with score ${two(fate.score)}, but regression moved it off (IoU ${apart(fate.overlap, least)}).`;
    case "class": return `Missed for the class: no box on it scores ${names.label} ${names.least} or more; ${cover} and says ${names.instead}.`;
    case "suppressed": return `Missed by suppression: box ${fate.boxName} is on it with score ${two(fate.score)}, but box ${fate.byName} scores more and overlaps it by IoU ${two(fate.byOverlap)}.`
      + (fate.score < shown ? ` Alone it would be missed for its score, which is below ${two(shown)}.` : "");
    case "lowered": return `Missed by soft-NMS: box ${fate.boxName} is on it with score ${two(fate.score)}, lowered to ${fate.now.toFixed(3)} by box ${fate.byName} (IoU ${two(fate.byOverlap)}).`;
    case "capped": return `Missed by the cap: box ${fate.boxName} is on it, but the image has its full number of boxes of this class.`;
    default: return fate.nearerName
      ? `Missed as a duplicate: box ${fate.boxName} is on it (IoU ${two(fate.overlap)}), but nearer to ${fate.nearerName} (IoU ${two(fate.nearer.overlap)}), and a box counts for one object.`
      : `Missed for the place: box ${fate.boxName} is on it (IoU ${two(fate.overlap)}), but the mean that it went into is off it.`;
  }
}

export function fateSentence(fate, byName, threshold) {
  if (!fate) return `Its score is below ${threshold}: not looked at.`;
  switch (fate.state) {
    case "kept": return fate.by >= 0
      ? `Kept, its score lowered to ${fate.score.toFixed(3)} by box ${byName} (IoU ${two(fate.overlap)}).`
      : "Kept: no better box of its class overlaps it so much.";
    case "suppressed": return `Suppressed by box ${byName}, IoU ${two(fate.overlap)}.`;
    case "lowered": return `Gone: lowered to ${fate.score.toFixed(3)} by box ${byName} (IoU ${two(fate.overlap)}).`;
    case "capped": return "Left out: the image has its full number of boxes of this class.";
    default: return `Fused with others into a box of score ${two(fate.score)}, IoU ${two(fate.overlap)} with it.`;
  }
}

export function verdictSentence(verdict, nameOf) {
  const { own, other } = verdict;
  const on = own.object >= 0 ? `${nameOf(own.object)} (IoU ${two(own.overlap)})` : "";
  if (verdict.kind === "right") return `Right: it is on ${on}.`;
  if (verdict.kind === "ignored") return "Not counted: on a difficult object or in a crowd.";
  switch (verdict.type) {
    case "duplicate": return `Wrong, a duplicate: ${on} was found by a better box.`;
    case "localisation": return `Wrong place: nearest is ${on}.`;
    case "classification": return `Wrong class: it is on ${nameOf(other.object)} (IoU ${two(other.overlap)}).`;
    case "both": return `Wrong class and place: nearest is ${nameOf(other.object)} (IoU ${two(other.overlap)}).`;
    default: return "Wrong: background, no object is near.";
  }
}

// A value below a bound, in so many digits that it looks lower.
export function apart(value, bound) {
  let digits = 2;
  while (digits < 6 && Number(value.toFixed(digits)) >= bound) digits++;
  return value.toFixed(digits);
}

export function two(value) {
  return value.toFixed(2);
}
