// The list of live calls. Only the rows in sight exist, so ten thousand calls cost no more than fifty.

import { byId, duration, h, setText, visible } from "./dom.js";
import * as store from "./store.js";

const OVERSCAN = 6;

const viewport = byId("calls");
const spacer = viewport.querySelector(".spacer");
const fields = { state: byId("filter-state"), trunk: byId("filter-trunk"), node: byId("filter-node") };
const search = byId("search");

const rows = new Map(); // call ID -> element in sight
let shown = []; // the calls that match, the newest first
let selected = ""; // the call the keyboard stands on
let rowHeight = 0;
let onOpen = () => {};

export function start(open) {
  onOpen = open;
  measure();
  viewport.addEventListener("scroll", draw, { passive: true });
  viewport.addEventListener("keydown", onKey);
  viewport.addEventListener("click", onClick);
  viewport.addEventListener("focus", draw);
  new ResizeObserver(() => { measure(); draw(); }).observe(viewport);
  for (const field of [search, ...Object.values(fields)]) field.addEventListener("input", refresh);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  store.listen((changed) => {
    if (changed.has("system")) fillChoices();
    if (changed.has("calls")) refresh();
  });
  setInterval(tick, 1000);
}

/** The height of a row is the style sheet's affair, which differs on a phone. */
function measure() {
  const probe = h("div", { class: "row call", role: "presentation" });
  spacer.append(probe);
  rowHeight = probe.offsetHeight || 36;
  probe.remove();
  for (const element of rows.values()) element.remove();
  rows.clear();
  spacer.style.height = `${shown.length * rowHeight}px`;
}

function refresh() {
  const text = search.value.trim().toLowerCase();
  const [state, trunk, node] = [fields.state.value, fields.trunk.value, fields.node.value];
  const matching = [];
  for (const call of store.calls.values()) {
    if (state && call.state !== state) continue;
    if (trunk && call.trunk_in !== trunk && call.trunk_out !== trunk) continue;
    if (node && call.node !== node) continue;
    if (text && !matches(call, text)) continue;
    matching.push(call);
  }
  matching.sort((a, b) => (b.created ?? 0) - (a.created ?? 0) || (a.id < b.id ? 1 : -1));
  keepPlace(matching);
  shown = matching;
  spacer.style.height = `${shown.length * rowHeight}px`;
  const all = store.calls.size;
  setText(byId("shown"), all === 1 ? "" : shown.length === all ? `${all.toLocaleString()} calls` : `${shown.length.toLocaleString()} of ${all.toLocaleString()} calls`);
  const empty = byId("no-calls");
  empty.hidden = shown.length > 0;
  setText(empty, all ? "No call matches." : "No live calls. The next one appears here by itself.");
  draw();
}

function matches(call, text) {
  return [call.from, call.to, call.id, call.trunk_in, call.trunk_out].some((each) => each.toLowerCase().includes(text));
}

/** New calls come in at the top: what somebody is looking at further down shall not slip away. */
function keepPlace(matching) {
  const top = Math.floor(viewport.scrollTop / rowHeight);
  if (top === 0 || !shown[top]) return;
  const anchor = shown[top].id;
  const place = matching.findIndex((call) => call.id === anchor);
  if (place >= 0 && place !== top) viewport.scrollTop += (place - top) * rowHeight;
}

function fillChoices() {
  const trunks = new Set(store.system.trunks.map((trunk) => trunk.name).concat("phones"));
  choices(fields.trunk, "any trunk", trunks);
  choices(fields.node, "any node", new Set(store.system.nodes.map((node) => node.name)));
}

function choices(select, any, names) {
  const wanted = ["", ...names];
  if (wanted.length === select.options.length && wanted.every((name, at) => select.options[at].value === name)) return;
  const chosen = select.value;
  select.replaceChildren(...wanted.map((name) => h("option", { value: name }, name ? visible(name) : any)));
  select.value = wanted.includes(chosen) ? chosen : "";
}

function draw() {
  const first = Math.max(0, Math.floor(viewport.scrollTop / rowHeight) - OVERSCAN);
  const last = Math.min(shown.length, Math.ceil((viewport.scrollTop + viewport.clientHeight) / rowHeight) + OVERSCAN);
  const inSight = new Set();
  for (let at = first; at < last; at++) {
    const call = shown[at];
    inSight.add(call.id);
    let row = rows.get(call.id);
    if (!row) {
      row = makeRow(call);
      rows.set(call.id, row);
      spacer.append(row);
    }
    update(row, call, at);
  }
  for (const [id, row] of rows) {
    if (!inSight.has(id)) {
      row.remove();
      rows.delete(id);
    }
  }
  const active = rows.get(selected);
  if (active) viewport.setAttribute("aria-activedescendant", active.id);
  else viewport.removeAttribute("aria-activedescendant");
}

function makeRow(call) {
  const cell = (name, text, attributes = {}) => h("span", { class: name, ...attributes }, text);
  return h("div", { class: "row call", role: "option", id: `call-${call.id}`, "data-id": call.id },
    cell("state", ""),
    cell("from", visible(call.from), { title: visible(call.from) }),
    cell("to", visible(call.to), { title: visible(call.to) }),
    cell("trunks", `${visible(call.trunk_in)} → ${visible(call.trunk_out) || "…"}`),
    cell("node", visible(call.node)),
    cell("for number", ""));
}

function update(row, call, at) {
  row.style.transform = `translateY(${at * rowHeight}px)`;
  row.setAttribute("aria-setsize", shown.length);
  row.setAttribute("aria-posinset", at + 1);
  row.setAttribute("aria-selected", call.id === selected);
  row.dataset.state = call.state;
  const [state, , to, trunks, , age] = row.children;
  setText(state, call.state);
  setText(to, visible(call.to));
  setText(trunks, `${visible(call.trunk_in)} → ${visible(call.trunk_out) || "…"}`);
  setText(age, duration(store.now() - call.created));
}

function tick() {
  for (const [id, row] of rows) {
    const call = store.calls.get(id);
    if (call) setText(row.lastChild, duration(store.now() - call.created));
  }
}

function onClick(event) {
  const row = event.target.closest(".call");
  if (!row) return;
  selected = row.dataset.id;
  draw();
  onOpen(selected);
}

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

function onKey(event) {
  if (event.key === "Enter" && selected) {
    event.preventDefault();
    onOpen(selected);
  }
  if (!(event.key in STEPS) || !shown.length) return;
  event.preventDefault();
  const here = shown.findIndex((call) => call.id === selected);
  const there = here < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, here + STEPS[event.key]));
  selected = shown[there].id;
  const top = there * rowHeight;
  if (top < viewport.scrollTop) viewport.scrollTop = top;
  else if (top + rowHeight > viewport.scrollTop + viewport.clientHeight) viewport.scrollTop = top + rowHeight - viewport.clientHeight;
  draw();
}

/** After a call's panel has closed. */
export function focus() {
  viewport.focus();
}
