// Trunks, nodes, phones and calls that have ended, as tables.

import { get } from "./api.js";
import { byId, clock, duration, h, setText, table, visible } from "./dom.js";
import * as store from "./store.js";

const PHONES_MS = 5000;

let onOpen = () => {};

export function start(open) {
  onOpen = open;
  store.listen((changed) => {
    if (changed.has("system")) {
      drawTrunks();
      drawNodes();
    }
    if (changed.has("records")) drawRecords();
  });
}

/** What the event stream does not bring: asked for when the view is looked at. */
export async function show(view) {
  if (view === "ended" && !store.records.length) {
    const { records } = await get("/cdrs?limit=100");
    store.addRecords(records.reverse());
  }
  if (view === "phones") await drawPhones();
  DRAWN[view]?.();
}

const DRAWN = { ended: drawRecords, trunks: drawTrunks, nodes: drawNodes };

function chip(state, text) {
  return h("span", { class: "chip", "data-state": state }, text);
}

function load(value, most, label) {
  if (!most) return h("span", {}, `${value}`);
  const meter = h("meter", { min: 0, max: most, value, high: most * 0.8, low: most * 0.6, optimum: 0, "aria-label": label });
  return h("span", { class: "load" }, meter, ` ${value} of ${most}`);
}

function drawTrunks() {
  const trunks = store.system.trunks;
  const alarm = trunks.filter((trunk) => trunk.health === "down" || trunk.health === "degraded").length;
  byId("trunks-alarm").hidden = !alarm;
  setText(byId("trunks-alarm"), String(alarm));
  if (byId("view-trunks").hidden) return;
  byId("view-trunks").replaceChildren(table("Trunks", ["Trunk", "Health", "Calls", "#In", "#Out", "#Calls/s allowed", "Hosts"], trunks.map((trunk) => [
    visible(trunk.name), chip(trunk.health, trunk.health), load(trunk.active_calls, trunk.limit_calls, "Calls of the limit"),
    trunk.active_calls_in, trunk.active_calls_out, trunk.limit_calls_per_second || "no limit",
    h("span", {}, ...trunk.hosts.map((host) => chip(trunk.failed_hosts.includes(host) ? "down" : "up", visible(host)))),
  ]), "No trunks are configured."));
}

function drawNodes() {
  if (byId("view-nodes").hidden) return;
  const { nodes, relays } = store.system;
  byId("view-nodes").replaceChildren(
    h("h2", {}, "SIP nodes"),
    table("SIP nodes", ["Node", "State", "#Calls", "Address", "Version", "Up for"], nodes.map((node) => [
      visible(node.name), node.draining ? chip("ending", "draining") : chip(node.alive ? "up" : "down", node.alive ? "alive" : "gone"),
      node.calls, visible(node.address), visible(node.version), node.started ? duration(store.now() - node.started) : "–",
    ]), "No node has been seen."),
    h("h2", {}, "Media relays"),
    table("Media relays", ["Relay", "#Calls", "Ports", "Control", "Version"], relays.map((relay) => [
      visible(relay.name), relay.calls, load(relay.ports_used, relay.ports_total, "Ports used"), visible(relay.ng), visible(relay.version),
    ]), "No relay has been seen."));
}

function drawRecords() {
  if (byId("view-ended").hidden) return;
  byId("view-ended").replaceChildren(table("Ended calls", ["Ended", "From", "To", "Trunks", "Talked", "Result", "Ended by"], store.records.map((record) => [
    clock(record.ended), visible(record.from), visible(record.to), `${visible(record.trunk_in)} → ${visible(record.trunk_out) || "…"}`,
    duration(record.duration), h("button", { type: "button", class: "link", title: "Ladder, while it is kept", onclick: () => onOpen(record.call) },
      `${record.status} ${visible(record.reason)}`),
    visible(record.ended_by),
  ]), "No call has ended since this page was opened, and Redis has no record."));
}

async function drawPhones() {
  const { registrations, total } = await get("/registrations?limit=500");
  const view = byId("view-phones");
  view.replaceChildren(
    total > registrations.length ? h("p", { class: "muted" }, `The first ${registrations.length} of ${total}.`) : "",
    table("Registered phones", ["Phone", "Contact", "From", "Expires in"], registrations.flatMap((phone) => phone.contacts.map((contact) => [
      visible(phone.aor), visible(contact.contact), visible(contact.source), contact.expires_at ? duration(contact.expires_at - store.now()) : "–",
    ])), "No phone is registered."));
  setTimeout(() => { if (!view.hidden) drawPhones().catch(() => {}); }, PHONES_MS);
}
