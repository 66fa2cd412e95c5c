// Which detections are right, by VOC's rule (evaluation/voc.py), what is wrong with the others
// (error_types.py), and average precision (curve.py).

import { coverage, iou } from "./geometry.mjs";

const TOUCHING = 0.1; // below this IoU a box and an object have nothing to do with each other

// `found` best first, `truth` of one image -> a verdict for each detection and the detection
// (-1: none) that found each object.
export function judge(found, truth, least) {
  const finders = new Int32Array(truth.labels.length).fill(-1);
  const verdicts = found.map((entry, place) => {
    const own = nearest(entry, truth, true), other = nearest(entry, truth, false);
    const verdict = { own, other, kind: "wrong", type: "" };
    if (own.overlap >= least && truth.difficult[own.object]) {
      verdict.kind = "ignored";
    } else if (own.overlap >= least && finders[own.object] < 0) {
      verdict.kind = "right";
      finders[own.object] = place;
    } else if (inCrowd(entry, truth, least)) {
      verdict.kind = "ignored";
    } else {
      verdict.type = typeOf(own.overlap, other.overlap, least);
    }
    return verdict;
  });
  return { verdicts, finders };
}

// The object of the same class, or of another, that a detection overlaps most: the first of equals.
function nearest(entry, truth, same) {
  let object = -1, overlap = 0;
  for (let place = 0; place < truth.labels.length; place++) {
    if (truth.crowd[place] || (truth.labels[place] === entry.label) !== same) continue;
    const value = iou(entry.box, 0, truth.boxes, place);
    if (value > overlap && value >= TOUCHING) [object, overlap] = [place, value];
  }
  return { object, overlap };
}

function inCrowd(entry, truth, least) {
  return truth.labels.some((label, place) => {
    if (!truth.crowd[place] || label !== entry.label) return false;
    const value = coverage(entry.box, 0, truth.boxes, place);
    return value >= least && value > 0;
  });
}

function typeOf(own, other, least) {
  if (own >= least) return "duplicate";
  if (own >= TOUCHING) return "localisation";
  if (other >= least) return "classification";
  return other >= TOUCHING ? "both" : "background";
}

// Whether each object counts: neither difficult nor a crowd region.
export function counts(truth) {
  return truth.labels.map((_, place) => !truth.difficult[place] && !truth.crowd[place]);
}

// Right, wrong and missed of one judged image, of the detections that reach their class's score.
export function tally(found, judged, truth, shown) {
  let right = 0, wrong = 0, positives = 0;
  found.forEach((entry, place) => {
    if (entry.score < shown(entry.label)) return;
    right += judged.verdicts[place].kind === "right";
    wrong += judged.verdicts[place].kind === "wrong";
  });
  for (const one of counts(truth)) positives += one;
  return { right, wrong, missed: positives - right, positives };
}

export function ratios({ right, wrong, positives }) {
  return {
    precision: right + wrong ? right / (right + wrong) : NaN,
    recall: positives ? right / positives : NaN,
  };
}

// Average precision of each class over several images (VOC 2010 on) -> Map label to { ap,
// positives, detections }, classes without objects left out.
export function averagePrecision(images, classes) {
  const perClass = new Map();
  for (let label = 0; label < classes; label++) {
    let positives = 0;
    const ranked = [];
    for (const { found, judged, truth } of images) {
      counts(truth).forEach((one, place) => (positives += one && truth.labels[place] === label));
      found.forEach((entry, place) => {
        if (entry.label === label) ranked.push([entry.score, judged.verdicts[place].kind]);
      });
    }
    if (!positives) continue;
    ranked.sort((a, b) => b[0] - a[0]);
    perClass.set(label, {
      ap: area(ranked.map((one) => one[1]), positives), positives, detections: ranked.length,
    });
  }
  return perClass;
}

// The area under the precision envelope; `kinds` best score first.
function area(kinds, positives) {
  let right = 0, counted = 0;
  const precisions = kinds.map((kind) => {
    right += kind === "right";
    counted += kind !== "ignored";
    return right / Math.max(counted, 1);
  });
  let total = 0, best = 0;
  for (let place = kinds.length - 1; place >= 0; place--) {
    best = Math.max(best, precisions[place]);
    if (kinds[place] === "right") total += best / positives;
  }
  return total;
}

export function meanOf(perClass) {
  const values = [...perClass.values()].map((one) => one.ap);
  return values.length ? values.reduce((sum, one) => sum + one, 0) / values.length : NaN;
}
