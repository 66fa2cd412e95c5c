// From scores to detections, as ensemble/: threshold, NMS, soft-NMS, weighted boxes fusion, voting;
// and what became of every pair of a box and a class on the way.

import { iou } from "./geometry.mjs";

const LOWEST_VOTER = 0.02; // ensemble/voting.py

// The coordinates of pair `pair`: its region, moved where networks moved it.
export function pairBox(image, pair) {
  const moved = image.moved;
  const from = moved ?? image.boxes;
  const at = 4 * (moved && image.movedEach === "pair" ? pair : image.pairBox[pair]);
  return from.subarray(at, at + 4);
}

// Pairs whose value is at least `threshold`, best first: columns of n entries.
export function candidates(image, values, threshold) {
  const least = Math.fround(threshold);
  const entries = [];
  for (let pair = 0; pair < values.length; pair++) {
    if (values[pair] >= least) {
      entries.push({
        box: pairBox(image, pair), label: image.pairLabel[pair], score: values[pair], pair,
      });
    }
  }
  return entries.sort(bestFirst);
}

// By falling score, then label, then x1, y1, x2, y2.
export function bestFirst(a, b) {
  if (a.score !== b.score) return b.score - a.score;
  if (a.label !== b.label) return a.label - b.label;
  for (let i = 0; i < 4; i++) if (a.box[i] !== b.box[i]) return a.box[i] - b.box[i];
  return 0;
}

function byLabel(entries) {
  const groups = new Map();
  for (const entry of entries) {
    if (!groups.has(entry.label)) groups.set(entry.label, []);
    groups.get(entry.label).push(entry);
  }
  return groups;
}

function flat(entries) {
  const boxes = new Float64Array(4 * entries.length);
  entries.forEach((entry, place) => boxes.set(entry.box, 4 * place));
  return boxes;
}

// `boxes` best first -> places kept, and for each of the others which one suppressed it (`by`, -1
// where none did: kept, or beyond the cap) and at which IoU.
export function nms(boxes, threshold, most) {
  const count = boxes.length / 4;
  const kept = [], by = new Int32Array(count).fill(-1), overlap = new Float64Array(count);
  for (let place = 0; place < count; place++) {
    for (const better of kept) {
      const value = iou(boxes, better, boxes, place);
      if (value > threshold) {
        by[place] = better;
        overlap[place] = value;
        break;
      }
    }
    if (by[place] < 0 && kept.length < most) kept.push(place);
  }
  return { kept, by, overlap };
}

export function decayOf(settings) {
  if (settings.decay === "linear") return (o) => (o >= settings.nms ? 1 - o : 1);
  return (o) => Math.exp(-(o ** 2) / settings.sigma);
}

// `boxes`, `scores` of one class, best first -> places taken, their decayed scores, and for each
// box the one that lowered it most and their IoU.
export function softNms(boxes, scores, decay, threshold, most) {
  const count = scores.length;
  const lowered = Float64Array.from(scores), worst = new Float64Array(count).fill(1);
  const by = new Int32Array(count).fill(-1), overlap = new Float64Array(count);
  let left = Array.from({ length: count }, (_, place) => place);
  const kept = [], values = [];
  while (left.length && kept.length < most) {
    let best = left[0];
    for (const place of left) if (lowered[place] > lowered[best]) best = place;
    kept.push(best);
    values.push(lowered[best]);
    const next = [];
    for (const place of left) {
      if (place === best) continue;
      const value = iou(boxes, best, boxes, place), factor = decay(value);
      lowered[place] *= factor;
      if (factor < worst[place]) {
        worst[place] = factor;
        by[place] = best;
        overlap[place] = value;
      }
      if (lowered[place] >= threshold) next.push(place);
    }
    left = next;
  }
  return { kept, values, by, overlap, lowered };
}

// Weighted boxes fusion of one class, best first (box_fusion.py) -> boxes, scores and members.
export function fuse(boxes, scores, networks, fusionIou) {
  const fused = [];
  for (let place = 0; place < scores.length; place++) {
    const box = boxes.subarray(4 * place, 4 * place + 4);
    const nearest = nearestOf(box, fused, fusionIou);
    if (!nearest) {
      const sums = Array.from(box, (side, i) => (i < 2 ? -side : side) * scores[place]);
      fused.push({ box: Array.from(box), sums, total: scores[place], members: [place] });
      continue;
    }
    for (let i = 0; i < 4; i++) nearest.sums[i] += (i < 2 ? -box[i] : box[i]) * scores[place];
    nearest.total += scores[place];
    nearest.members.push(place);
    if (nearest.total) {
      nearest.box = nearest.sums.map((sum, i) => (i < 2 ? -(sum / nearest.total) : sum / nearest.total));
    }
  }
  return fused.map(({ box, total, members }) => ({
    box,
    score: (total / members.length) * (Math.min(members.length, networks) / networks),
    members,
  }));
}

function nearestOf(box, fused, fusionIou) {
  let nearest = null, largest = fusionIou;
  for (const cluster of fused) {
    const value = iou(box, 0, cluster.box, 0);
    if (value > largest) [nearest, largest] = [cluster, value];
  }
  return nearest;
}

// Detections of `image` by `settings`, best first, and the fate of every pair (an array by pair).
// A fate: { state, by, overlap, score }, `by` a pair; state kept, suppressed, lowered (by soft-NMS,
// below the threshold), capped, fused, or none where the pair is below the threshold.
export function select(image, settings) {
  if (settings.kind === "wbf") return selectFused(image, settings);
  const every = candidates(image, image.mean, settings.threshold);
  const fates = new Array(image.mean.length).fill(null);
  const found = [];
  for (const own of byLabel(every).values()) {
    const chosen = settings.kind === "nms" ? hard(own, settings) : soft(own, settings);
    found.push(...chosen.found);
    for (const [pair, fate] of chosen.fates) fates[pair] = fate;
  }
  found.sort(bestFirst);
  const voters = settings.vote === "off" ? null : candidates(image, image.mean, LOWEST_VOTER);
  return { found: voters ? vote(found, voters, settings.vote) : found, fates };
}

function hard(own, settings) {
  const { kept, by, overlap } = nms(flat(own), settings.nms, settings.perClass);
  const taken = new Set(kept);
  const fates = own.map((entry, place) => {
    const state = taken.has(place) ? "kept" : by[place] < 0 ? "capped" : "suppressed";
    const better = by[place] < 0 ? -1 : own[by[place]].pair;
    return [entry.pair, { state, by: better, overlap: overlap[place], score: entry.score }];
  });
  return { found: kept.map((place) => own[place]), fates };
}

function soft(own, settings) {
  const scores = own.map((entry) => entry.score), least = Math.fround(settings.threshold);
  const { kept, values, by, overlap, lowered } = softNms(
    flat(own), scores, decayOf(settings), least, settings.perClass);
  const taken = new Set(kept);
  const fates = own.map((entry, place) => {
    const state = taken.has(place) ? "kept" : lowered[place] < least ? "lowered" : "capped";
    const better = by[place] < 0 ? -1 : own[by[place]].pair;
    return [entry.pair, { state, by: better, overlap: overlap[place], score: lowered[place] }];
  });
  return { found: kept.map((place, i) => ({ ...own[place], score: values[i] })), fates };
}

function selectFused(image, settings) {
  const count = image.mean.length, networks = image.networkCount;
  const every = [];
  const fates = new Array(count).fill(null);
  for (let network = 0; network < networks; network++) {
    const values = image.networks.subarray(network * count, (network + 1) * count);
    for (const own of byLabel(candidates(image, values, settings.threshold)).values()) {
      const { found, fates: each } = hard(own, settings);
      every.push(...found.map((entry) => ({ ...entry, score: entry.score * ((1 / networks) * networks) })));
      // Of several networks that know the pair the kindest fate is told.
      for (const [pair, fate] of each) if (fates[pair]?.state !== "kept") fates[pair] = fate;
    }
  }
  every.sort(bestFirst);
  const fused = [];
  for (const [label, own] of byLabel(every)) {
    for (const one of fuse(flat(own), own.map((entry) => entry.score), networks, settings.fusionIou)) {
      const members = [...new Set(one.members.map((place) => own[place].pair))];
      fused.push({ box: Float32Array.from(one.box), label, score: one.score, pair: members[0], members });
    }
  }
  fused.sort(bestFirst);
  const least = Math.fround(settings.threshold), counts = new Map();
  const found = fused.filter((one) => {
    if (one.score < least) return false;
    const before = counts.get(one.label) ?? 0;
    counts.set(one.label, before + 1);
    return before < settings.perClass;
  });
  for (const one of found) {
    for (const pair of one.members) {
      fates[pair] = { state: "fused", by: one.pair, overlap: iou(one.box, 0, pairBox(image, pair), 0), score: one.score };
    }
  }
  return { found, fates };
}

// Every box of `found` becomes the mean of the `voters` of its label near it, by their scores.
export function vote(found, voters, voteIou) {
  const groups = byLabel(voters);
  return found.map((entry) => {
    const sums = [0, 0, 0, 0];
    let total = 0;
    for (const voter of groups.get(entry.label) ?? []) {
      const weight = Math.max(0, voter.score);
      if (iou(entry.box, 0, voter.box, 0) < voteIou) continue;
      total += weight;
      for (let i = 0; i < 4; i++) sums[i] += weight * voter.box[i];
    }
    return total > 0 ? { ...entry, box: Float32Array.from(sums, (sum) => sum / total) } : entry;
  });
}
