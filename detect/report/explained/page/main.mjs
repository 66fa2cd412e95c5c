// The page: what is chosen, drawn and said, and what the reader's hands do.

import { drawDetections, sayClasses, sayFigures, sayLists } from "./detections.mjs";
import { element, fill, Stage } from "./drawing.mjs";
import { inspect, pickedOf } from "./inspector.mjs";
import { drawLookedAt, hovering } from "./pointing.mjs";
import { drawProposals } from "./proposals.mjs";
import { fateOfObject, two } from "./reasons.mjs";
import { beginState, hashOf, recompute, shownFrom } from "./state.mjs";
import { drawSuperpixels } from "./superpixels.mjs";
import { unpackImage } from "./unpack.mjs";

async function start() {
  const { about, images: packed } = JSON.parse(document.getElementById("data").textContent);
  const images = await Promise.all(packed.map(unpackImage));
  await Promise.all(images.map(loadPhoto));
  const state = beginState(about, images, location.hash);
  recompute(state);
  const stages = {};
  const draw = {
    all: () => drawAll(state, stages, pick, hover),
    superpixels: () => drawSuperpixels(state, state.images[state.current], stages.superpixel),
    proposals: () => { drawProposals(state, state.images[state.current], stages.proposal); drawSeen(state, stages, pick); },
    detections: () => drawFound(state, stages, pick, hover),
  };
  const pick = (target) => {
    state.picked = pickedOf(state.images[state.current], target);
    state.hovered = null;
    drawSeen(state, stages, pick);
  };
  const hover = hovering(state, () => drawSeen(state, stages, pick));
  for (const name of ["superpixel", "proposal", "detection"]) {
    stages[name] = new Stage(document.getElementById(`${name}-canvas`), ...(name === "superpixel" ? [() => {}] : [pick, hover]));
  }
  connect(state, draw, pick);
  let width = -1;
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width === width) return;
    width = contentRect.width;
    draw.all();
  }).observe(document.querySelector("main"));
  draw.all();
  document.body.dataset.ready = "yes";
}

async function loadPhoto(image) {
  image.picture = new Image();
  image.picture.src = image.photo;
  await image.picture.decode();
}

function connect(state, draw, pick) {
  const anew = () => {
    state.picked = null;
    recompute(state);
    draw.detections();
  };
  const on = (id, act) => document.getElementById(id).addEventListener("input", (event) => act(event.target.value));
  on("step", (value) => { state.step = Number(value); draw.superpixels(); });
  on("budget", (value) => { state.budget = Number(value); draw.proposals(); });
  on("nms", (value) => { state.settings.nms = Number(value); anew(); });
  on("kind", (value) => {
    state.settings.kind = value;
    state.settings.vote = value === "wbf" ? "off" : state.about.settings.vote;
    anew();
  });
  on("score", (value) => {
    state.score = Number(value);
    for (const label of state.scores.keys()) state.scores.set(label, state.score);
    draw.detections();
  });
  for (const name of ["proposal", "detection"]) {
    document.getElementById(`${name}-canvas`).addEventListener("keydown", (event) => walk(state, event, pick));
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") pick(null); });
  document.getElementById("close").addEventListener("click", () => pick(null));
}

// Arrow keys on a photograph go from detection to detection.
function walk(state, event, pick) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const image = state.images[state.current], shown = shownFrom(state);
  const places = image.found.flatMap((entry, place) => (entry.score >= shown(entry.label) ? [place] : []));
  if (!step || !places.length) return;
  event.preventDefault();
  const now = places.indexOf(state.picked?.found ?? -1);
  pick({ found: places[(now + step + places.length) % places.length] });
}

// What changes with the box that is looked at, and nothing else.
function drawSeen(state, stages, pick) {
  const image = state.images[state.current];
  drawLookedAt(state, image, stages.proposal);
  drawLookedAt(state, image, stages.detection);
  inspect(state, image, pick);
}

function drawAll(state, stages, pick, hover) {
  const image = state.images[state.current];
  sayImages(state, () => { state.picked = null; state.step = null; drawAll(state, stages, pick, hover); });
  drawSuperpixels(state, image, stages.superpixel);
  drawProposals(state, image, stages.proposal);
  drawFound(state, stages, pick, hover);
}

// What changes with the selection and the scores.
function drawFound(state, stages, pick, hover) {
  const image = state.images[state.current];
  state.hovered = null;
  image.objects = image.truth.labels.map((_, object) => fateOfObject(image, object, shownFrom(state), state.match));
  if (state.picked && "object" in state.picked) state.picked = pickedOf(image, { object: state.picked.object });
  for (const [name, value] of Object.entries({ nms: state.settings.nms, score: state.score })) {
    document.getElementById(name).value = value;
    document.getElementById(`${name}-value`).textContent = two(value);
  }
  document.getElementById("kind").value = state.settings.kind;
  document.getElementById("nms").disabled = state.settings.kind === "soft-nms" && state.settings.decay === "gaussian";
  drawDetections(state, image, stages.detection);
  sayFigures(state, image);
  sayClasses(state, (label, value) => {
    state.scores.set(label, value);
    const focus = document.activeElement?.getAttribute("aria-label");
    drawFound(state, stages, pick, hover);
    if (focus) document.querySelector(`[aria-label="${CSS.escape(focus)}"]`)?.focus();
  });
  sayLists(state, image, pick, hover);
  drawSeen(state, stages, pick);
  saidLeftOut(image);
  describe(state, image);
  history.replaceState(null, "", hashOf(state));
}

function sayImages(state, onChange) {
  const focused = document.getElementById("images").contains(document.activeElement);
  fill("images", ...state.images.map((image, place) => element("button", {
    type: "button", class: "photo", "aria-pressed": String(place === state.current),
    onclick: () => { state.current = place; onChange(); },
  }, element("img", { src: image.photo, alt: "", loading: "lazy" }), element("span", {}, image.id),
  image.why ? element("small", {}, image.why) : null)));
  if (focused) document.querySelector("#images [aria-pressed=true]").focus();
}

function saidLeftOut(image) {
  const lines = [];
  if (image.pairsLeftOut) lines.push(`${image.pairsLeftOut.toLocaleString("en")} scores below ${image.floor.toPrecision(3)} are left out of this page, which would be too large with them: figures are of the others.`);
  if (image.boxesLeftOut) lines.push(`${image.boxesLeftOut.toLocaleString("en")} of the last boxes, in which no network sees anything, are left out.`);
  const notice = document.getElementById("left-out");
  notice.hidden = !lines.length;
  notice.textContent = lines.join(" ");
}

function describe(state, image) {
  const shown = shownFrom(state), count = image.found.filter((entry) => entry.score >= shown(entry.label)).length;
  const text = `Image ${image.id}, ${image.width} by ${image.height} pixels, with ${image.truth.labels.length} objects`;
  document.getElementById("superpixel-canvas").setAttribute("aria-label", `${text}, in superpixels`);
  document.getElementById("proposal-canvas").setAttribute("aria-label", `${text} and ${image.boxes.length / 4} proposals`);
  document.getElementById("detection-canvas").setAttribute("aria-label", `${text} and ${count} detections; arrow keys go through them, all are listed below`);
}

if (globalThis.document) {
  start().catch((error) => {
    document.getElementById("left-out").hidden = false;
    document.getElementById("left-out").textContent = `This page cannot be shown here: ${error.message}. It needs a browser of 2023 or later.`;
    throw error;
  });
}
