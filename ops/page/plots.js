// Loss, jitter and MOS over time, sampled here: Redis has counters, a plot has what happened between two looks.

import { h, setText, svg, visible } from "./dom.js";
import { mos } from "./emodel.js";

const KEPT = 240; // samples: twelve minutes, since the relay writes every three seconds
const [WIDTH, HEIGHT, PAD] = [300, 72, 4];

const MEASURES = [
  { name: "loss", unit: "%", top: 5, digits: 1 },
  { name: "jitter", unit: "ms", top: 30, digits: 1 },
  { name: "MOS", unit: "", bottom: 1, top: 4.5, digits: 2, fixed: true },
];

/** The history of one call's streams. */
export class Samples {
  constructor() {
    this.sides = new Map();
  }

  /** Takes the streams as the API shows them; keeps a sample when the counters have moved. */
  add(streams, time) {
    for (const stream of streams) {
      let side = this.sides.get(stream.name);
      if (!side) this.sides.set(stream.name, (side = { samples: [], last: null, codec: stream.codec, side: stream.side }));
      side.codec = stream.codec;
      const last = side.last;
      if (last && stream.packets === last.packets && stream.lost === last.lost) continue;
      side.last = { packets: stream.packets, lost: stream.lost };
      const base = last ?? { packets: 0, lost: 0 };
      const [came, lost] = [stream.packets - base.packets, Math.max(0, stream.lost - base.lost)];
      if (came <= 0) continue;
      const loss = lost / (came + lost);
      side.samples.push({ time, loss: 100 * loss, jitter: stream.jitter_ms, MOS: mos(loss, stream.jitter_ms, stream.codec) });
      if (side.samples.length > KEPT) side.samples.shift();
    }
  }
}

/** Draws one row of plots a measure, with a line for each side. */
export function drawPlots(place, samples) {
  const sides = [...samples.sides].filter(([, side]) => side.samples.length);
  if (!sides.length) {
    place.replaceChildren(h("p", { class: "muted" }, "The relay has not counted any media yet."));
    return;
  }
  place.replaceChildren(...MEASURES.map((measure) => plot(measure, sides)));
}

function plot(measure, sides) {
  const all = sides.flatMap(([, side]) => side.samples);
  const [from, to] = [Math.min(...all.map((each) => each.time)), Math.max(...all.map((each) => each.time))];
  const bottom = measure.bottom ?? 0;
  const top = measure.fixed ? measure.top : Math.max(measure.top, ...all.map((each) => each[measure.name] * 1.15));
  const x = (time) => PAD + ((WIDTH - 2 * PAD) * (to > from ? (time - from) / (to - from) : 1));
  const y = (value) => HEIGHT - PAD - ((HEIGHT - 2 * PAD) * (value - bottom)) / (top - bottom);
  const latest = sides.map(([name, side]) => {
    const value = side.samples.at(-1)[measure.name].toFixed(measure.digits);
    return h("span", { class: `side ${side.side}` }, `${visible(name)}: ${value}${measure.unit ? ` ${measure.unit}` : ""}`);
  });
  return h("figure", { class: "plot" },
    h("figcaption", {}, h("b", {}, measure.name), ...latest),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${measure.name} over time` },
      ...[0, 0.5, 1].map((part) => svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: PAD + part * (HEIGHT - 2 * PAD), y2: PAD + part * (HEIGHT - 2 * PAD) })),
      ...sides.map(([, side]) => line(side, side.samples.map((each) => [x(each.time), y(each[measure.name])])))),
    h("div", { class: "scale", "aria-hidden": "true" }, h("span", {}, `${round(top)}${measure.unit}`), h("span", {}, `${bottom}`)));
}

function line(side, points) {
  const from = points.length > 1 ? points : [[PAD, points[0][1]], points[0]];
  return svg("polyline", { class: `side ${side.side}`, points: from.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ") });
}

const round = (value) => (value < 10 ? value.toFixed(1).replace(/\.0$/, "") : value.toFixed(0));

/** MOS in a word and a colour. */
export function verdict(element, value) {
  setText(element, value === null ? "–" : value.toFixed(2));
  element.dataset.quality = value === null ? "" : value >= 4 ? "good" : value >= 3.6 ? "fair" : "bad";
}
