// The page's modules against Python, on the cases in the file $CASES (test_modules.py).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const page = new URL("../../../detect/report/explained/page/", import.meta.url);
const { cropWindow } = await import(new URL("geometry.mjs", page));
const { averagePrecision, judge, meanOf, tally } = await import(new URL("judging.mjs", page));
const { fateOfObject, objectSentence } = await import(new URL("reasons.mjs", page));
const { nms, select } = await import(new URL("selection.mjs", page));
const { rootsAfter } = await import(new URL("superpixels.mjs", page));
const { unpackImage } = await import(new URL("unpack.mjs", page));
const cases = JSON.parse(readFileSync(process.env.CASES, "utf8"));

function near(found, expected, what) {
  assert.equal(found.length, expected.length, what);
  found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= 1e-9 * Math.max(1, Math.abs(expected[i])),
    `${what} ${i}: ${value}, expected ${expected[i]}`));
}

for (const [number, one] of cases.selections.entries()) {
  test(`selection ${number}: ${one.settings.kind}, ${one.settings.decay}, vote ${one.settings.vote}`, async () => {
    const image = await unpackImage(one.image);
    const { found } = select(image, one.settings);
    near(found.map((entry) => entry.label), one.labels, "label");
    near(found.map((entry) => entry.score), one.scores, "score");
    found.forEach((entry, i) => entry.box.forEach((side, j) =>
      assert.ok(Math.abs(side - one.boxes[i][j]) < 1e-4, `box ${i}: ${entry.box}, expected ${one.boxes[i]}`)));
  });
}

test("judging, error types and average precision", async () => {
  for (const one of cases.judgments) {
    const images = await Promise.all(one.images.map(unpackImage));
    for (const image of images) {
      Object.assign(image, select(image, one.settings));
      image.judged = judge(image.found, image.truth, 0.5);
    }
    images.forEach((image, i) => {
      const { right, wrong, missed } = tally(image.found, image.judged, image.truth, () => one.shown);
      assert.deepEqual([right, wrong, missed], one.tallies[i]);
      assert.deepEqual(image.judged.verdicts.map((verdict) => verdict.type).sort(), one.types[i]);
    });
    const perClass = averagePrecision(images, one.classes);
    assert.deepEqual([...perClass.keys()], one.labels);
    near([...perClass.values()].map((each) => each.ap), one.aps, "ap");
    near([meanOf(perClass)], [one.map], "map");
  }
});

test("crops", () => {
  for (const { box, width, height, crop, source, target } of cases.crops) {
    const found = cropWindow(Float32Array.from(box), width, height, crop);
    assert.deepEqual(found ? [found.source, found.target] : [[0, 0, 0, 0], [0, 0, 0, 0]], [source, target]);
  }
});

test("who suppresses whom", () => {
  const boxes = Float64Array.from([0, 0, 10, 10, 0, 0, 10, 8, 50, 50, 60, 60, 0, 1, 10, 10, 80, 80, 90, 90]);
  const { kept, by, overlap } = nms(boxes, 0.5, 2);
  assert.deepEqual(kept, [0, 2]);
  assert.deepEqual([...by], [-1, 0, -1, 0, -1]);
  near([...overlap], [0, 0.8, 0, 0.9, 0], "overlap");
});

test("merged regions have one root", () => {
  const merged = Int32Array.from([0, 2, 1, 3, 4, 5]);
  assert.deepEqual([...rootsAfter(merged, 4, 0)], [0, 1, 2, 3]);
  assert.deepEqual([...rootsAfter(merged, 4, 1)], [4, 1, 4, 3]);
  assert.deepEqual([...rootsAfter(merged, 4, 3)], [6, 6, 6, 6]);
});

// One object at 0..100, label 0; regions and scores of one network, as each reason needs them.
function scene(boxes, mean, truth = [[0, 0, 100, 100]], shownFrom = 0.5, moved = null) {
  const image = {
    boxes: Float32Array.from(boxes.flat()), moved: moved && Float32Array.from(moved.flat()), movedEach: "box", networkCount: 1,
    pairBox: Uint8Array.from(boxes.keys()), pairLabel: new Uint8Array(boxes.length),
    mean: Float32Array.from(mean), networks: Float32Array.from(mean),
    truth: { boxes: Float64Array.from(truth.flat()), labels: truth.map(() => 0), difficult: truth.map(() => false), crowd: truth.map(() => false) },
  };
  const settings = { kind: "nms", threshold: 0.01, nms: 0.3, perClass: 100, vote: "off" };
  Object.assign(image, select(image, settings));
  image.judged = judge(image.found, image.truth, 0.5);
  return truth.map((_, object) => fateOfObject(image, object, () => shownFrom, 0.5));
}

test("why an object was missed", () => {
  const on = [0, 0, 100, 95], off = [60, 60, 200, 200];
  assert.equal(scene([on], [0.9])[0].state, "found");
  assert.equal(scene([off], [0.9])[0].state, "place");
  assert.equal(scene([on], [0.3])[0].state, "score");
  assert.equal(scene([on], [0.001])[0].state, "class");
  const [fate] = scene([on, [0, 0, 150, 150]], [0.6, 0.9]);
  assert.deepEqual([fate.state, fate.pair, fate.by], ["suppressed", 0, 1]);
  const two = scene([[0, 0, 100, 92]], [0.9], [[0, 0, 100, 100], [0, 0, 100, 90]]);
  assert.deepEqual(two.map((one) => one.state), ["taken", "found"]);
  assert.equal(two[0].nearer.object, 1);
  near([two[0].nearer.overlap], [90 / 92], "nearer");
  const [gone] = scene([on], [0.9], undefined, 0.5, [[60, 0, 160, 95]]);
  assert.equal(gone.state, "moved");
  near([gone.before, gone.overlap], [0.95, 3800 / 15700], "moved off");
});

test("what is said of a missed object", () => {
  const names = { label: "cat", instead: "background (0.97)", least: 0.01 };
  const say = (fate) => objectSentence(fate, names, 0.5, 0.5);
  assert.match(say({ state: "score", boxName: "3", overlap: 0.8, score: 0.4996 }), /scores 0.4996, below 0.50/);
  assert.match(say({ state: "suppressed", boxName: "3", byName: "4", score: 0.3, byOverlap: 0.6 }), /Alone it would be missed for its score/);
  assert.doesNotMatch(say({ state: "suppressed", boxName: "3", byName: "4", score: 0.7, byOverlap: 0.6 }), /Alone/);
  assert.match(say({ state: "place", best: 0, bestName: "" }), /there is none near it/);
  assert.match(say({ state: "class", best: 0.7, bestName: "9" }), /no box on it scores cat 0.01 or more; the nearest, box 9, has IoU 0.70 with it and says background/);
  assert.match(say({ state: "taken", boxName: "3", overlap: 0.6, nearerName: "dog 2", nearer: { overlap: 0.8 } }), /nearer to dog 2 \(IoU 0.80\)/);
});
