// One call: facts, ladder, quality, streams. Looks every second while the call lives and the panel is open.

import { ApiError, get, post } from "./api.js";
import { byId, clock, duration, h, setText, table, visible } from "./dom.js";
import { drawLadder } from "./ladder.js";
import { drawPlots, Samples, verdict } from "./plots.js";
import * as store from "./store.js";

const LOOK_MS = 1000;

const panel = byId("detail");
let current = null; // the call in the panel
let mayAct = () => false;
let onClosed = () => {};

export function start(options) {
  mayAct = options.mayAct;
  onClosed = options.onClosed;
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  new ResizeObserver(() => {
    if (current?.found) drawLadder(current.parts.ladder, current.found.ladder);
  }).observe(panel);
  store.listen((changed) => {
    if (current && changed.has("calls") && store.calls.get(current.id) !== current.row) look();
  });
}

export function open(id) {
  if (current) clearTimeout(current.timer);
  current = { id, samples: new Samples(), timer: 0, found: null, call: null, parts: build(id), drawn: "" };
  panel.hidden = false;
  document.body.classList.add("has-detail");
  current.parts.close.focus();
  look();
}

export function close() {
  if (!current) return;
  clearTimeout(current.timer);
  current = null;
  panel.hidden = true;
  panel.replaceChildren();
  document.body.classList.remove("has-detail");
  onClosed();
}

function build(id) {
  const parts = {
    close: h("button", { type: "button", class: "quiet", "aria-label": "Close", title: "Close (Esc)", onclick: close }, "✕"),
    hangUp: h("button", { type: "button", class: "danger", hidden: !mayAct(), onclick: () => askToHangUp(id) }, "Hang up"),
    from: h("bdi", {}), to: h("bdi", {}), state: h("span", { class: "chip" }), age: h("span", { class: "age" }),
    mos: h("span", { class: "mos", title: "Mean opinion score, the worse side (E-model)" }),
    error: h("p", { class: "error", role: "alert", hidden: true }),
    facts: h("dl", { class: "facts" }), ladder: h("div", { class: "ladder" }), plots: h("div", { class: "plots" }), streams: h("div", {}),
  };
  panel.replaceChildren(
    h("header", {},
      h("div", { class: "title" }, h("h2", {}, parts.from, h("span", { "aria-label": "calls" }, " → "), parts.to), parts.close),
      h("div", { class: "status" }, parts.state, parts.age, parts.mos, h("span", { class: "grow" }), parts.hangUp),
      parts.error),
    h("section", {}, h("h3", {}, "Ladder ", h("small", {}, "click an arrow for its message")), parts.ladder),
    h("section", {}, h("h3", {}, "Quality ", h("small", {}, "of what each side sends")), parts.plots, parts.streams),
    h("section", {}, h("h3", {}, "Facts"), parts.facts));
  return parts;
}

async function look() {
  const mine = current;
  clearTimeout(mine.timer);
  mine.row = store.calls.get(mine.id);
  try {
    const found = await get(`/calls/${mine.id}`);
    if (mine !== current) return;
    mine.found = found;
    mine.call = found.call ?? mine.call;
    mine.parts.error.hidden = true;
    show(mine);
  } catch (error) {
    if (mine !== current || !(error instanceof ApiError)) return;
    mine.parts.error.hidden = false;
    setText(mine.parts.error, error.status === 404 ? "This call is over, and its ladder is no longer kept." : error.message);
    if (error.status === 404) markEnded(mine);
  }
  // Once more after the end: the answers to BYE come last.
  const isOver = mine.found && !mine.found.call;
  if (!isOver || !mine.wasOver) mine.timer = setTimeout(look, LOOK_MS);
  mine.wasOver = isOver;
}

function show(mine) {
  const { parts, found, call } = mine;
  if (call) {
    setText(parts.from, visible(call.from));
    setText(parts.to, visible(call.to));
  }
  if (found.call) {
    parts.state.dataset.state = found.call.state;
    setText(parts.state, found.call.state);
    setText(parts.age, duration(store.now() - (found.call.answered ?? found.call.created)));
  } else markEnded(mine);
  const drawn = JSON.stringify(found.ladder);
  if (mine.drawn !== drawn) {
    mine.drawn = drawn;
    drawLadder(parts.ladder, found.ladder);
  }
  if (found.streams.length) {
    mine.samples.add(found.streams, store.now());
    drawPlots(parts.plots, mine.samples);
    const scores = found.streams.map((stream) => stream.mos).filter((score) => score !== null);
    verdict(parts.mos, scores.length ? Math.min(...scores) : null);
    parts.streams.replaceChildren(streamTable(found.streams));
  } else if (found.call) drawPlots(parts.plots, mine.samples);
  if (call) parts.facts.replaceChildren(...facts(call));
}

function markEnded({ id, parts }) {
  const record = store.records.find((each) => each.call === id);
  parts.state.dataset.state = "ended";
  setText(parts.state, "ended");
  setText(parts.age, record ? `${record.status} ${visible(record.reason)}, talked ${duration(record.duration)}` : "");
  parts.hangUp.hidden = true;
  if (record && !parts.from.textContent) {
    setText(parts.from, visible(record.from));
    setText(parts.to, visible(record.to));
  }
}

function streamTable(streams) {
  return table("Streams", ["Stream", "Codec", "#Packets", "#Lost", "#Jitter ms", "#Refused", "#MOS", "We", "Peer"], streams.map((stream) => [
    visible(stream.name), visible(stream.codec), stream.packets, stream.lost, stream.jitter_ms.toFixed(1), stream.refused,
    stream.mos?.toFixed(2) ?? "–", visible(stream.local), visible(stream.peer) || "not heard yet",
  ]), "");
}

function facts(call) {
  const pairs = [
    ["ID", call.id], ["Call-ID caller", call.call_id_a], ["Call-ID called", call.call_id_b],
    ["Trunks", `${call.trunk_in} → ${call.trunk_out || "…"}`], ["Node", call.node], ["Relay", call.relay || "media bypasses us"],
    ["Began", clock(call.created)], ["Answered", clock(call.answered) || "not yet"],
  ];
  return pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, visible(value) || "–")));
}

async function askToHangUp(id) {
  const call = current?.call ?? { from: "", to: "" };
  const sure = await confirm("Hang up this call?", `${visible(call.from)} → ${visible(call.to)}. Both sides get a BYE.`, "Hang up");
  if (!sure) return;
  try {
    const order = await post(`/calls/${id}/hangup`);
    toast(`${visible(order.node)} ends the call`);
  } catch (error) {
    toast(`Not done: ${error.message}`);
  }
}

/** Asks in a dialog; true for yes. */
function confirm(title, text, yes) {
  const dialog = byId("confirm");
  setText(byId("confirm-title"), title);
  setText(byId("confirm-text"), text);
  setText(byId("confirm-yes"), yes);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

let toastTimer = 0;

function toast(text) {
  const place = byId("toast");
  setText(place, text);
  place.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { place.hidden = true; }, 5000);
}
