// What the reader chose, kept in the address (#image=...&nms=0.4), so that a view can be linked to;
// and what follows from it.

import { averagePrecision, judge, meanOf, tally } from "./judging.mjs";
import { select } from "./selection.mjs";

const MATCH = 0.5; // IoU that makes a match, VOC's
const FIRST = 200; // boxes shown at first

export function beginState(about, images, hash) {
  const told = new URLSearchParams(hash.replace(/^#/, ""));
  const settings = { ...about.settings };
  if (["nms", "soft-nms", "wbf"].includes(told.get("kind"))) settings.kind = told.get("kind");
  if (told.has("nms")) settings.nms = clamped(Number(told.get("nms")), settings.nms);
  if (settings.kind === "wbf") settings.vote = "off";
  const named = images.findIndex((image) => image.id === told.get("image"));
  const score = clamped(Number(told.get("score") ?? 0.5), 0.5);
  const scores = new Map(about.classes.map((_, label) => [label, score]));
  about.classes.forEach((name, label) => {
    if (told.has(`score.${name}`)) scores.set(label, clamped(Number(told.get(`score.${name}`)), score));
  });
  return { about, images, settings, score, scores, current: Math.max(0, named), budget: FIRST, step: null, picked: null, hovered: null, match: MATCH };
}

function clamped(value, otherwise) {
  return Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : otherwise;
}

export function hashOf(state) {
  const told = new URLSearchParams();
  told.set("image", state.images[state.current].id);
  if (state.settings.kind !== state.about.settings.kind) told.set("kind", state.settings.kind);
  if (state.settings.nms !== state.about.settings.nms) told.set("nms", state.settings.nms);
  if (state.score !== 0.5) told.set("score", state.score);
  state.about.classes.forEach((name, label) => {
    if (state.scores.get(label) !== state.score) told.set(`score.${name}`, state.scores.get(label));
  });
  return `#${told}`;
}

// Detect anew in every image, and judge.
export function recompute(state) {
  for (const image of state.images) {
    const threshold = Math.max(state.settings.threshold, image.pairsLeftOut ? image.floor : 0);
    const own = { ...state.settings, threshold };
    Object.assign(image, select(image, own), { threshold });
    image.judged = judge(image.found, image.truth, state.match);
  }
  state.perClass = averagePrecision(state.images, state.about.classes.length);
  state.map = meanOf(state.perClass);
}

export function shownFrom(state) {
  return (label) => state.scores.get(label);
}

export function talliesOf(state) {
  const each = state.images.map((image) => tally(image.found, image.judged, image.truth, shownFrom(state)));
  const all = { right: 0, wrong: 0, missed: 0, positives: 0 };
  for (const one of each) for (const name of Object.keys(all)) all[name] += one[name];
  return { each, all };
}
