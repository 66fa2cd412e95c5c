// Typed arrays out of the page: base64 of zlib's deflate of numbers, little endian.

const KINDS = {
  f4: Float32Array, f8: Float64Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i4: Int32Array,
};

async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

// `packed` [kind, base64] -> a typed array; null stays.
export async function unpack(packed) {
  return packed && new KINDS[packed[0]](await inflated(packed[1]));
}

// An image as Python packed it -> the same with typed arrays.
export async function unpackImage(packed) {
  const image = { ...packed };
  for (const name of packed.arrays) image[name] = await unpack(packed[name]);
  image.truth = { ...packed.truth, boxes: Float64Array.from(packed.truth.boxes.flat()) };
  if (packed.superpixels) {
    const own = { ...packed.superpixels };
    for (const name of ["labels", "boxes", "merged"]) own[name] = await unpack(own[name]);
    own.labels = unshifted(own.labels, own.width);
    image.superpixels = own;
  }
  return image;
}

// Each row of labels was packed as its difference from the row above, which deflates better.
function unshifted(labels, width) {
  for (let at = width; at < labels.length; at++) labels[at] += labels[at - width];
  return labels;
}
