// What stands on the map: one shape per kind and state, so that colour is never the only sign.
import { leaflet as L } from "nicegui-leaflet";
import { LEVELS } from "lifeline-console";

const INK = "#20272c";
const PAPER = "#f7f8f9";
export const LETTERS = { pressure: "P", flow: "F", level: "L", water_depth: "D", rain_intensity: "R", temperature: "T" };

function outline(ctx, shape, x, y, r) {
  ctx.beginPath();
  if (shape === "circle") ctx.arc(x, y, r, 0, 2 * Math.PI);
  else if (shape === "square") ctx.rect(x - r, y - r, 2 * r, 2 * r);
  else {
    const corners = {
      diamond: [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]],
      triangle: [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]],
      house: [[0, -1.2], [1.1, -0.2], [1.1, 1], [-1.1, 1], [-1.1, -0.2]],
      hexagon: [[-0.5, -1], [0.5, -1], [1.1, 0], [0.5, 1], [-0.5, 1], [-1.1, 0]],
    }[shape];
    corners.forEach(([dx, dy], i) => ctx[i ? "lineTo" : "moveTo"](x + dx * r, y + dy * r));
    ctx.closePath();
  }
}

function paint(ctx, shape, x, y, r, fill, stroke, weight, dash = []) {
  outline(ctx, shape, x, y, r);
  ctx.globalAlpha = 1;
  ctx.fillStyle = fill;
  ctx.fill();
  ctx.setLineDash(dash);
  ctx.lineWidth = weight;
  ctx.strokeStyle = stroke;
  ctx.stroke();
  ctx.setLineDash([]);
}

function letter(ctx, text, x, y, r, ink) {
  ctx.fillStyle = ink;
  ctx.font = `600 ${Math.round(r * 1.35)}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(text, x, y + 0.5);
}

function cross(ctx, x, y, r, ink) {
  ctx.beginPath();
  for (const [a, b] of [[-1, 1], [1, 1]]) {
    ctx.moveTo(x - a * r, y - b * r);
    ctx.lineTo(x + a * r, y + b * r);
  }
  ctx.lineWidth = Math.max(1.5, r * 0.4);
  ctx.strokeStyle = ink;
  ctx.stroke();
}

function sensor(ctx, x, y, r, { state, level, quantity }) {
  const far = r < 4;
  if (level) {
    const { colour, ink, shape } = LEVELS[level];
    paint(ctx, shape, x, y, r * 1.25, colour, INK, 1.2);
    if (state === "silent") cross(ctx, x, y, r * 0.55, ink);
    else if (state === "doubtful") letter(ctx, "?", x, y, r, ink);
    else if (r > 7) letter(ctx, LETTERS[quantity] ?? "", x, y, r * 0.9, ink);
  } else if (state === "silent") {
    paint(ctx, "circle", x, y, r, far ? PAPER : "rgba(247,248,249,0.85)", INK, far ? 1 : 1.5, far ? [] : [3, 2]);
    cross(ctx, x, y, r * 0.6, INK);
  } else if (state === "doubtful") {
    paint(ctx, "diamond", x, y, r, PAPER, INK, far ? 1 : 1.5);
    if (!far) letter(ctx, "?", x, y, r, INK);
  } else {
    paint(ctx, "circle", x, y, far ? r : r * 0.9, PAPER, "#5b666e", far ? 0.8 : 1.3);
    if (r > 7) letter(ctx, LETTERS[quantity] ?? "", x, y, r * 0.85, "#3a444c");
  }
}

// Light: everyday use. Dark: emergency use. Filled from below by the share of places taken; ! unsafe, × closed.
function shelter(ctx, x, y, r, { mode, state, people, places }) {
  paint(ctx, "house", x, y, r, mode === "平" ? "#f1f4f2" : "#c9d8cf", "#22402f", mode === "平" ? 1.3 : 2.4, mode === "转换中" ? [3, 2] : []);
  const share = places ? Math.min(1, (people ?? 0) / places) : 0;
  if (share > 0) {
    ctx.fillStyle = "#22402f";
    const height = 1.5 * r * share;
    ctx.fillRect(x - r * 0.5, y + r * 0.8 - height, r, height);
  }
  if (state === "unsafe") letter(ctx, "!", x, y, r * 1.3, share > 0.5 ? "#ffffff" : INK);
  else if (state === "closed") cross(ctx, x, y, r * 0.5, INK);
}

const DRAW = {
  shelters: shelter,
  crews: (ctx, x, y, r, { on_duty = true, orders = 0 }) => {
    paint(ctx, "hexagon", x, y, r, orders ? "#574a63" : "#e4dfe6", "#574a63", 1.5, on_duty ? [] : [3, 2]);
    if (orders && r > 6) letter(ctx, String(orders), x, y, r * 0.85, "#ffffff");
  },
  pump: (ctx, x, y, r) => {
    paint(ctx, "circle", x, y, r * 1.1, "#d4d9dd", INK, 1.4);
    paint(ctx, "triangle", x, y, r * 0.55, INK, INK, 0.5);
  },
  valve: (ctx, x, y, r) => paint(ctx, "diamond", x, y, r * 0.6, "#d4d9dd", INK, 1.2),
  tank: (ctx, x, y, r) => paint(ctx, "square", x, y, r, "#d4d9dd", INK, 1.4),
  reservoir: (ctx, x, y, r) => paint(ctx, "square", x, y, r * 1.2, "#c3ccd3", INK, 1.8),
  outfall: (ctx, x, y, r) => paint(ctx, "triangle", x, y, r * 0.7, "#d4d9dd", INK, 1.2),
};

export const Symbol = L.CircleMarker.extend({
  _updatePath() {
    const renderer = this._renderer;
    if (!renderer._drawing || this._empty()) return;
    const draw = DRAW[this.options.shape] ?? DRAW.tank;
    draw(renderer._ctx, this._point.x, this._point.y, this._radius, this.options);
  },
});

// Thousands of sensors as one layer: each look is drawn once and stamped where it stands, as one canvas holds it.
export const Swarm = L.Renderer.extend({
  initialize(options) {
    L.Renderer.prototype.initialize.call(this, { padding: 0.2, tolerance: 6, ...options });
    this._members = [];
    this._byId = new Map();
    this._stamps = new Map();
    this._radius = 6;
  },
  getEvents() {
    return { ...L.Renderer.prototype.getEvents.call(this), mousemove: this._hover, mouseout: this._leave, click: this._choose };
  },
  setMembers(members) {
    this._members = members;
    this._byId = new Map(members.map((one) => [one.id, one]));
    this._again();
  },
  // What stands differently is looked at last, so that it is drawn above the rest.
  restate(news) {
    const one = this._byId.get(news.id);
    if (!one) return;
    Object.assign(one, news);
    if (news.level || news.state !== "good") this._members.push(this._members.splice(this._members.indexOf(one), 1)[0]);
    this._again();
  },
  setRadius(radius) {
    if (radius === this._radius) return;
    this._radius = radius;
    this._again();
  },
  onRemove() {
    this._leave();
    L.Renderer.prototype.onRemove.call(this);
  },
  _initContainer() {
    this._container = document.createElement("canvas");
    this._container.style.pointerEvents = "none";
    this._ctx = this._container.getContext("2d");
  },
  _destroyContainer() {
    L.Util.cancelAnimFrame(this._frame);
    this._frame = null;
    this._container.remove();
    this._container = null;
  },
  _update() {
    if (this._map._animatingZoom && this._bounds) return;
    L.Renderer.prototype._update.call(this);
    const { min } = this._bounds;
    const size = this._bounds.getSize();
    this._ratio = Math.min(2, window.devicePixelRatio || 1);
    L.DomUtil.setPosition(this._container, min);
    this._container.width = this._ratio * size.x;
    this._container.height = this._ratio * size.y;
    this._container.style.width = `${size.x}px`;
    this._container.style.height = `${size.y}px`;
    this._paint();
  },
  _again() {
    if (this._map && !this._frame) this._frame = L.Util.requestAnimFrame(this._paint, this);
  },
  _paint() {
    this._frame = null;
    if (!this._map || !this._bounds) return;
    const { min, max } = this._bounds;
    const edge = 2 * this._radius;
    this._ctx.setTransform(1, 0, 0, 1, 0, 0);
    this._ctx.clearRect(0, 0, this._container.width, this._container.height);
    this._shown = [];
    for (const one of this._members) {
      const { x, y } = this._map.latLngToLayerPoint(one.where);
      if (x < min.x - edge || x > max.x + edge || y < min.y - edge || y > max.y + edge) continue;
      const stamp = this._stamp(one);
      this._ctx.drawImage(stamp, Math.round((x - min.x) * this._ratio - stamp.width / 2), Math.round((y - min.y) * this._ratio - stamp.height / 2));
      this._shown.push({ one, x, y });
    }
  },
  _stamp({ state, level, quantity }) {
    const key = `${state}/${level}/${quantity}/${this._radius}/${this._ratio}`;
    if (!this._stamps.has(key)) {
      const side = Math.ceil(2 * (1.7 * this._radius + 2)) * this._ratio;
      const stamp = Object.assign(document.createElement("canvas"), { width: side, height: side });
      const ctx = stamp.getContext("2d");
      ctx.scale(this._ratio, this._ratio);
      sensor(ctx, side / this._ratio / 2, side / this._ratio / 2, this._radius, { state, level, quantity });
      this._stamps.set(key, stamp);
    }
    return this._stamps.get(key);
  },
  _at(event) {
    const reach = this._radius + this.options.tolerance;
    const { x, y } = event.layerPoint;
    let nearest = null;
    let least = reach * reach;
    for (const each of this._shown ?? []) {
      const far = (each.x - x) ** 2 + (each.y - y) ** 2;
      if (far <= least) [nearest, least] = [each.one, far];
    }
    return nearest;
  },
  _hover(event) {
    if (this._map.dragging?.moving()) return;
    const one = this._at(event);
    if (one === this._named) return;
    this._leave();
    this._named = one;
    if (!one) return;
    this._map.getContainer().classList.add("ll-pointing");
    this._word = L.tooltip({ offset: [this._radius, 0] }).setLatLng(one.where).setContent(this.options.describe(one)).openOn(this._map);
  },
  _leave() {
    this._named = null;
    this._word?.remove();
    this._word = null;
    this._map?.getContainer().classList.remove("ll-pointing");
  },
  _choose(event) {
    const one = this._at(event);
    if (one) this.options.choose(one);
  },
});

const SAMPLES = {
  zones: '<rect x="2" y="3" width="18" height="12" fill="#fff" fill-opacity=".5" stroke="#8b959d" stroke-width="1.5" stroke-dasharray="2 3"/>',
  pipes: '<path d="M1 9h20" stroke="#6c7781" stroke-width="3"/>',
  drains: '<path d="M1 9h20" stroke="#66809a" stroke-width="2.5" stroke-dasharray="6 4"/>',
  sensors: '<circle cx="11" cy="9" r="5" fill="#f7f8f9" stroke="#5b666e" stroke-width="1.4"/>',
  shelters: '<path d="M11 2l6.5 6v8h-13V8Z" fill="#dfe4e1" stroke="#3d5a4a" stroke-width="1.5"/>',
  crews: '<path d="M7.5 3h7l4 6-4 6h-7l-4-6Z" fill="#e4dfe6" stroke="#574a63" stroke-width="1.5"/>',
  water: '<path d="M1 9h20" stroke="#123a73" stroke-width="8"/><path d="M1 9h20" stroke="#bfe0ff" stroke-width="3.5" stroke-dasharray="2 5"/>',
  findings: '<rect x="2" y="3" width="18" height="12" fill="#c8102e" fill-opacity=".12" stroke="#c8102e" stroke-width="1.5" stroke-dasharray="5 3"/>',
  good: '<circle cx="11" cy="9" r="5" fill="#f7f8f9" stroke="#5b666e" stroke-width="1.4"/>',
  doubtful: '<path d="M11 1.5l7 7.5-7 7.5-7-7.5Z" fill="#f7f8f9" stroke="#20272c" stroke-width="1.4"/><text x="11" y="12.5" text-anchor="middle" font-size="9" font-weight="700" fill="#20272c">?</text>',
  silent: '<circle cx="11" cy="9" r="6" fill="#f7f8f9" stroke="#20272c" stroke-width="1.4" stroke-dasharray="3 2"/><path d="M7.5 5.5l7 7m0-7l-7 7" stroke="#20272c" stroke-width="2"/>',
};

export function sample(name) {
  return `<svg width="22" height="18" viewBox="0 0 22 18" aria-hidden="true">${SAMPLES[name]}</svg>`;
}
