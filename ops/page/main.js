// Signing in, the tabs, the figures on top, the state of the connection.

import * as api from "./api.js";
import * as callPanel from "./call.js";
import * as callList from "./calls.js";
import { byId, setText } from "./dom.js";
import * as store from "./store.js";
import * as systemViews from "./system.js";

const VIEWS = ["calls", "ended", "trunks", "nodes", "phones"];
const THEMES = { auto: ["◐", "as the system"], light: ["○", "light"], dark: ["●", "dark"] };

let me = null;
let stream = null;

function openCall(id) {
  selectView("calls");
  callPanel.open(id);
}

function selectView(view) {
  for (const each of VIEWS) {
    const tab = byId(`tab-${each}`);
    tab.setAttribute("aria-selected", each === view);
    tab.tabIndex = each === view ? 0 : -1;
    byId(`view-${each}`).hidden = each !== view;
  }
  systemViews.show(view).catch((error) => setTrouble(error.message));
}

function startTabs() {
  for (const view of VIEWS) byId(`tab-${view}`).addEventListener("click", () => selectView(view));
  document.querySelector(".tabs").addEventListener("keydown", (event) => {
    const here = VIEWS.findIndex((view) => byId(`tab-${view}`) === document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (here < 0 || !step) return;
    const there = VIEWS[(here + step + VIEWS.length) % VIEWS.length];
    byId(`tab-${there}`).focus();
    selectView(there);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    selectView("calls");
    byId("search").focus();
  });
}

function startTheme() {
  const button = byId("theme");
  const names = Object.keys(THEMES);
  const apply = (theme) => {
    document.documentElement.dataset.theme = theme;
    setText(button.firstElementChild, THEMES[theme][0]);
    button.title = `Theme: ${THEMES[theme][1]}`;
    button.setAttribute("aria-label", button.title);
  };
  apply(names.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "auto");
  button.addEventListener("click", () => {
    const next = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
    localStorage.setItem("theme", next);
    apply(next);
  });
}

function drawFigures() {
  const live = store.calls.size;
  let answered = 0;
  for (const call of store.calls.values()) if (call.state === "answered") answered++;
  const { nodes } = store.system;
  setText(byId("figure-live"), live.toLocaleString());
  setText(byId("figure-rate"), store.rate().toFixed(1));
  setText(byId("figure-answered"), live ? `${Math.round((100 * answered) / live)} %` : "–");
  setText(byId("figure-nodes"), `${nodes.filter((node) => node.alive).length} of ${nodes.length}`);
}

function setTrouble(text) {
  const place = byId("trouble");
  place.hidden = !text;
  setText(place, text);
}

function setLink(state, text) {
  byId("link").dataset.state = state;
  setText(byId("link"), text);
}

function onState(state, reason) {
  if (state === "refused") {
    signOut(reason);
    return;
  }
  setLink(state === "live" ? "up" : "down", state === "live" ? "live" : "reconnecting");
  setTrouble(state === "live" ? "" : `The page is not up to date: ${reason}. It tries again by itself.`);
}

function onSystem() {
  const trouble = store.system.trouble;
  setLink(trouble ? "degraded" : "up", trouble ? "no Redis" : "live");
  setTrouble(trouble ? `${trouble}. Calls go on; what is shown is from before. It comes back by itself.` : "");
}

async function signIn() {
  byId("sign-in").hidden = true;
  try {
    me = await api.get("/me");
  } catch (error) {
    if (error.status === 401) {
      signOut(error.message);
      return;
    }
    setTrouble(`${error.message}. Trying again.`);
    setTimeout(signIn, 2000);
    return;
  }
  byId("main").hidden = false;
  byId("sign-out").hidden = false;
  byId("sign-out").title = `Signed in as ${me.name} (${me.role === "act" ? "may act" : "read only"})`;
  stream = new AbortController();
  api.follow(store.handlers, onState, stream.signal);
}

function signOut(reason = "") {
  stream?.abort();
  callPanel.close();
  api.setToken("");
  store.handlers.reset();
  me = null;
  byId("main").hidden = true;
  byId("sign-out").hidden = true;
  byId("sign-in").hidden = false;
  setText(byId("sign-in-error"), reason);
  setTrouble("");
  setLink("off", "not connected");
  byId("token").value = "";
  byId("token").focus();
}

function start() {
  startTheme();
  startTabs();
  callList.start(openCall);
  callPanel.start({ mayAct: () => me?.role === "act", onClosed: callList.focus });
  systemViews.start(openCall);
  store.listen((changed) => {
    drawFigures();
    if (changed.has("system")) onSystem();
  });
  byId("sign-out").addEventListener("click", () => signOut());
  byId("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    api.setToken(byId("token").value.trim());
    setText(byId("sign-in-error"), "");
    signIn();
  });
  if (api.hasToken()) signIn();
  else signOut();
}

start();
