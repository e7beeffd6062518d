// The way to the API: the token, plain requests, and the event stream (EventSource cannot send a token).

const KEY = "pinhole-token";
const SILENCE_MS = 8000;
const RETRY_MS = [500, 1000, 2000, 4000];

export class ApiError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

let token = takeToken();

/** A link may bring the token behind `#token=`, where no server and no log sees it; it is taken out of the address. */
function takeToken() {
  const brought = new URLSearchParams(location.hash.slice(1)).get("token");
  if (brought) {
    sessionStorage.setItem(KEY, brought);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY) ?? "";
}

export const hasToken = () => token !== "";

export function setToken(value) {
  token = value;
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { Authorization: `Bearer ${token}` } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "the ops API does not answer");
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new ApiError(answer.status, problem.detail ?? `status ${answer.status}`);
}

export const get = async (path, options) => (await ask(`/api/v1${path}`, options)).json();
export const post = async (path) => (await ask(`/api/v1${path}`, { method: "POST" })).json();

/**
 * Follows the events until `signal` aborts, and comes back after every interruption.
 * `on[event](data)` gets each event; `onState(state, reason)` hears `live`, `lost` and `refused` (wrong token).
 */
export async function follow(on, onState, signal) {
  let failures = 0;
  while (!signal.aborted) {
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener("abort", stop, { once: true });
    let reason = "the connection has ended";
    try {
      const answer = await ask("/api/v1/events", { signal: attempt.signal, cache: "no-store" });
      onState("live", "");
      await read(answer.body, (event, data) => {
        failures = 0;
        on[event]?.(data);
      }, attempt);
    } catch (error) {
      if (error.status === 401) return onState("refused", error.message);
      reason = error.name === "AbortError" ? "nothing was heard for a while" : error.message;
    } finally {
      signal.removeEventListener("abort", stop);
    }
    if (signal.aborted) return undefined;
    onState("lost", reason);
    const delay = RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)];
    await new Promise((resolve) => setTimeout(resolve, delay * (0.75 + Math.random() / 2)));
  }
  return undefined;
}

/** Server-sent events as our API writes them: `event`, one line of `data`, an empty line. */
async function read(body, onEvent, attempt) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let watchdog;
  try {
    for (;;) {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => attempt.abort(), SILENCE_MS);
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const [event, data] = block.split("\n");
        onEvent(event.slice("event: ".length), JSON.parse(data.slice("data: ".length)));
      }
    }
  } finally {
    clearTimeout(watchdog);
  }
}
