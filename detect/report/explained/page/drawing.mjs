// A canvas over the photograph: boxes in px of the photograph, sharp on any screen; and what is
// under a pointer.

export class Stage {
  constructor(canvas, onPick, onHover = () => {}) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.base = document.createElement("canvas");
    this.targets = [];
    this.last = null;
    canvas.addEventListener("click", (event) => onPick(this.under(event)));
    canvas.addEventListener("pointermove", (event) => onHover(event, this.hits(event)[0]?.target ?? null));
    canvas.addEventListener("pointerleave", (event) => onHover(event, null));
  }

  // Lay out for a photograph of `width` x `height` px, at most `most` px high on the screen.
  begin(photo, width, height, most = 640) {
    const across = Math.min(this.canvas.parentElement.clientWidth || 640, (most * width) / height);
    this.scale = across / width;
    const down = height * this.scale, ratio = globalThis.devicePixelRatio || 1;
    this.canvas.style.width = `${across}px`;
    this.canvas.style.height = `${down}px`;
    this.canvas.width = Math.max(1, Math.round(across * ratio));
    this.canvas.height = Math.max(1, Math.round(down * ratio));
    this.ratio = ratio;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (photo) this.context.drawImage(photo, 0, 0, across, down);
    this.size = [across, down];
    this.targets = [];
    this.labels = [];
  }

  // Remember what is drawn, and draw it again: what a pointer passes over comes on top and goes.
  keep() {
    this.base.width = this.canvas.width;
    this.base.height = this.canvas.height;
    this.base.getContext("2d").drawImage(this.canvas, 0, 0);
  }

  again() {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.drawImage(this.base, 0, 0);
    this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
  }

  // Whether long labels would hide the picture under `count` of them.
  crowded(count) {
    return count > 12 || this.size[0] < 480;
  }

  dim(share) {
    this.context.fillStyle = `rgba(0, 0, 0, ${share})`;
    this.context.fillRect(0, 0, ...this.size);
  }

  // Draw a box; with a `target` it can be picked.
  box(box, look, { width = 2, target = null, alpha = 1, edge = true } = {}) {
    const c = this.context, s = this.scale;
    const place = [box[0] * s, box[1] * s, (box[2] - box[0]) * s, (box[3] - box[1]) * s];
    c.globalAlpha = alpha;
    if (edge) {
      c.setLineDash([]);
      c.lineWidth = width + 2;
      c.strokeStyle = "rgba(0, 0, 0, 0.65)";
      c.strokeRect(...place);
    }
    c.setLineDash(look.dash);
    c.lineWidth = width;
    c.strokeStyle = look.colour;
    c.strokeRect(...place);
    c.setLineDash([]);
    c.globalAlpha = 1;
    if (target !== null) this.targets.push({ box: Array.from(box), target });
  }

  // Write beside a box's upper left corner, lower where another label is.
  label(box, text, look) {
    const c = this.context, s = this.scale;
    c.font = "600 13px system-ui, sans-serif";
    const across = Math.min(c.measureText(text).width + 14, this.size[0]);
    const x = Math.max(0, Math.min(box[0] * s, this.size[0] - across));
    let y = Math.max(0, Math.min(box[1] * s >= 19 ? box[1] * s - 19 : box[1] * s + 1, this.size[1] - 18));
    const taken = (one) => Math.abs(one.y - y) < 18 && x < one.x + one.across && one.x < x + across;
    for (let turn = 0; turn < 12 && this.labels.some(taken); turn++) y += 19;
    this.labels.push({ x, y, across });
    c.fillStyle = "rgba(0, 0, 0, 0.8)";
    c.fillRect(x, y, across, 18);
    c.fillStyle = look.colour;
    c.fillRect(x, y, 5, 18);
    c.fillStyle = "#fff";
    c.fillText(text, x + 9, y + 13.5);
  }

  spot(event) {
    const frame = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - frame.left) / this.scale, y: (event.clientY - frame.top) / this.scale };
  }

  // The boxes under the pointer, the smallest first.
  hits(event) {
    const { x, y } = this.spot(event), slack = 4 / this.scale;
    return this.targets.filter(({ box }) =>
      x >= box[0] - slack && x <= box[2] + slack && y >= box[1] - slack && y <= box[3] + slack)
      .sort((a, b) => size(a.box) - size(b.box));
  }

  // The smallest box under the pointer; clicked again at the same place, the next larger one.
  under(event) {
    const hit = this.hits(event), { x, y } = this.spot(event);
    if (!hit.length) return null;
    const again = this.last && Math.hypot(x - this.last.x, y - this.last.y) < 6 / this.scale;
    const turn = again ? (this.last.turn + 1) % hit.length : 0;
    this.last = { x, y, turn };
    return hit[turn].target;
  }
}

function size(box) {
  return (box[2] - box[0]) * (box[3] - box[1]);
}

// Names are set as text: nothing in them is read as HTML.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") made.style.cssText = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function fill(id, ...children) {
  document.getElementById(id).replaceChildren(...children.filter((child) => child !== null));
}
