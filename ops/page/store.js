// What is known of the system: filled by the event stream, read by the views. Tells its listeners once a frame.

const RECORDS_KEPT = 500;
const RATE_S = 10;

export const calls = new Map();
export const records = [];
export const system = { time: 0, trouble: "", nodes: [], relays: [], trunks: [] };

let offset = 0; // our clock is so much behind the server's (s)
const begun = []; // when calls of the last seconds began, to tell the rate
const listeners = new Set();
const changes = new Set();

/** The server's time. */
export const now = () => Date.now() / 1000 + offset;

/** Calls `listener(changed)` after changes; `changed` is a set of `calls`, `records`, `system`. */
export function listen(listener) {
  listeners.add(listener);
}

function changed(what) {
  if (!changes.size) requestAnimationFrame(tell);
  changes.add(what);
}

function tell() {
  const told = new Set(changes);
  changes.clear();
  for (const listener of listeners) listener(told);
}

/** New calls a second. */
export function rate() {
  const since = now() - RATE_S;
  while (begun.length && begun[0] < since) begun.shift();
  return begun.length / RATE_S;
}

function noteBeginning(call) {
  if (call.created > now() - RATE_S) begun.push(call.created);
}

export const handlers = {
  reset() {
    calls.clear();
    changed("calls");
  },
  calls({ calls: news, gone }) {
    for (const call of news) {
      if (!calls.has(call.id)) noteBeginning(call);
      calls.set(call.id, call);
    }
    for (const id of gone) calls.delete(id);
    changed("calls");
  },
  records({ records: news }) {
    addRecords(news);
  },
  system(news) {
    Object.assign(system, news);
    offset = news.time - Date.now() / 1000;
    changed("system");
  },
};

/** Finished calls, the oldest first; those that are known are left out. */
export function addRecords(news) {
  const known = new Set(records.map((record) => record.call));
  for (const record of news) if (!known.has(record.call)) records.unshift(record);
  records.splice(RECORDS_KEPT);
  changed("records");
}
