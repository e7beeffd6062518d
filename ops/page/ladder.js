// A call's SIP ladder: the caller, Pinhole, its relay and everybody who was called, side by side.

import { clock, h, svg, visible } from "./dom.js";

const ROW = 34;
const HEAD = 56;
const TIME = 62;
const NARROW = 460; // below it there is no room for times beside the lines

/** Draws `lines` into `place`; keeps what is open when it is drawn again. */
export function drawLadder(place, lines) {
  if (!lines.length) {
    place.replaceChildren(h("p", { class: "muted" }, "Nothing is kept of this call's messages."));
    return;
  }
  const open = place.querySelector(".arrow[aria-expanded=true]")?.dataset.at;
  const width = Math.max(300, place.clientWidth || 640);
  const columns = lifeLines(lines, width);
  const bottom = HEAD + lines.length * ROW + 8;
  const drawing = svg("svg", { width, height: bottom, viewBox: `0 0 ${width} ${bottom}`, role: "group", "aria-label": "SIP ladder" },
    svg("defs", {}, ...["request", "progress", "success", "redirect", "failure", "relay"].map(arrowHead)),
    ...[...columns].map(([name, x]) => lifeLine(name, x, bottom, lines, width < NARROW ? 14 : 21)));
  const message = h("div", { class: "message", "aria-live": "polite" });
  const start = lines[0]?.time ?? 0;
  lines.forEach((line, at) => drawing.append(arrow(line, at, start, columns, width, () => show(drawing, message, lines, at))));
  place.replaceChildren(drawing, message);
  if (open !== undefined && lines[open]) show(drawing, message, lines, Number(open));
}

/** The x of each life line. Relay and Pinhole stand close: they are one house. */
function lifeLines(lines, width) {
  const called = [...new Set(lines.map((line) => line.leg))].filter((leg) => leg !== "a" && leg !== "relay").sort();
  const names = ["a", "pinhole", ...(lines.some((line) => line.leg === "relay") ? ["relay"] : []), ...(called.length ? called : [])];
  const left = width < NARROW ? 44 : TIME + 46;
  const weights = names.map((name) => (name === "relay" ? 0.62 : 1));
  const total = weights.slice(1).reduce((sum, weight) => sum + weight, 0) || 1;
  const step = (width - left - (width < NARROW ? 44 : 52)) / total;
  let x = left;
  return new Map(names.map((name, at) => [name, (x = at ? x + weights[at] * step : left)]));
}

const TITLES = { a: "Caller", pinhole: "Pinhole", relay: "Relay" };

function lifeLine(name, x, bottom, lines, room) {
  const peer = name === "pinhole" ? "" : visible(lines.find((line) => line.leg === name)?.peer ?? "");
  const title = TITLES[name] ?? `Called ${name.slice(1)}`;
  return svg("g", { class: `life ${name}` },
    svg("text", { x, y: 18, class: "title" }, title),
    svg("text", { x, y: 34, class: "peer" }, name === "relay" ? "media" : shortened(peer, room), svg("title", {}, peer)),
    svg("line", { x1: x, x2: x, y1: HEAD - 14, y2: bottom }));
}

function arrowHead(kind) {
  return svg("marker", { id: `head-${kind}`, class: kind, viewBox: "0 0 8 8", refX: 7.5, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto" },
    svg("path", { d: "M0 .8 8 4 0 7.2z" }));
}

function arrow(line, at, start, columns, width, open) {
  const y = HEAD + at * ROW + 18;
  const [ours, theirs] = [columns.get("pinhole"), columns.get(line.leg) ?? columns.get("pinhole")];
  const [from, to] = line.direction === "in" ? [theirs, ours] : [ours, theirs];
  const kind = kindOf(line);
  // Beside the relay's line, where a called party's arrow has to cross it.
  const middle = line.leg === "relay" || line.leg === "a" ? (from + to) / 2 : ((columns.get("relay") ?? ours) + theirs) / 2;
  const room = Math.abs((line.leg === "relay" || line.leg === "a" ? from - to : (columns.get("relay") ?? ours) - theirs));
  const label = shortened(labelOf(line), Math.max(4, Math.floor((room - 8) / 6.6)));
  const seconds = `+${(line.time - start).toFixed(3)}`;
  return svg("g", {
    class: `arrow ${kind}`, tabindex: 0, role: "button", "aria-expanded": "false", "data-at": at,
    "aria-label": `${seconds} s, ${line.leg === "relay" ? "relay" : `leg ${line.leg}`} ${line.direction}: ${visible(line.summary)}`,
    onclick: open,
    onkeydown: (event) => keys(event, open),
  },
    svg("rect", { class: "touch", x: 0, y: y - 20, width, height: ROW }),
    width < NARROW ? null : svg("text", { class: "time", x: TIME, y: y + 3 }, seconds),
    svg("line", { x1: from, x2: to, y1: y, y2: y, "marker-end": `url(#head-${kind})` }),
    svg("text", { class: "label", x: middle, y: y - 6 }, label));
}

function keys(event, open) {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (event.key === "Enter" || event.key === " ") open();
  else if (step && event.currentTarget[step]?.classList.contains("arrow")) event.currentTarget[step].focus();
  else return;
  event.preventDefault();
}

/** What an arrow says: the method, or the status with its reason. */
function labelOf(line) {
  const text = visible(line.summary);
  const sdp = / \(SDP\)$/.test(text) ? " (SDP)" : "";
  return /^\d{3} /.test(text) || line.leg === "relay" ? text : text.split(" ")[0] + sdp;
}

function kindOf(line) {
  if (line.leg === "relay") return "relay";
  const status = /^(\d)\d\d\b/.exec(line.summary);
  if (!status) return "request";
  return ["progress", "success", "redirect"][status[1] - 1] ?? "failure";
}

function show(drawing, message, lines, at) {
  const line = lines[at];
  const wasOpen = drawing.querySelector(`[data-at="${at}"]`).getAttribute("aria-expanded") === "true" && message.childElementCount > 0;
  for (const each of drawing.querySelectorAll(".arrow")) each.setAttribute("aria-expanded", "false");
  message.replaceChildren();
  if (wasOpen) return;
  drawing.querySelector(`[data-at="${at}"]`).setAttribute("aria-expanded", "true");
  const before = at ? `${((line.time - lines[at - 1].time) * 1000).toFixed(1)} ms after the one before` : "the first";
  const way = line.leg === "relay"
    ? (line.direction === "out" ? "Pinhole → relay" : "relay → Pinhole")
    : (line.direction === "out" ? `Pinhole → ${visible(line.peer)}` : `${visible(line.peer)} → Pinhole`);
  message.append(
    h("code", {}, visible(line.summary)),
    h("p", { class: "muted" }, `${clock(line.time)}.${String(Math.floor((line.time % 1) * 1000)).padStart(3, "0")}, ${before} · leg ${line.leg} · ${way}`));
}

function shortened(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
