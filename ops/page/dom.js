// Building and changing elements. Text from the network only ever becomes text nodes: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An element with attributes, listeners (`onclick`) and children (elements or text). */
export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets a text only if it changed: that spares the browser its layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Controls, direction marks, separators, private use: what hides or deceives.
const RISKY = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Text from the network with everything invisible shown as an escape. */
export function visible(text) {
  return String(text ?? "").replace(RISKY, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
}

/** Seconds as `m:ss` or `h:mm:ss`. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const [h_, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value) => String(value).padStart(2, "0");
  return h_ ? `${h_}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Unix time as local time of day. */
export function clock(time) {
  return time ? new Date(time * 1000).toLocaleTimeString([], { hour12: false }) : "";
}

/** A table from headings and rows of cells; a heading that begins with `#` is of numbers. */
export function table(caption, headings, rows, empty) {
  if (!rows.length) return h("p", { class: "empty card" }, empty);
  const isNumber = headings.map((heading) => heading.startsWith("#"));
  const cell = (name, at, content, extra = {}) =>
    h(name, { class: isNumber[at] ? "number" : null, "data-label": headings[at].replace("#", ""), ...extra }, content);
  return h("div", { class: "card scroll" },
    h("table", {},
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, ...headings.map((heading, at) => cell("th", at, heading.replace("#", ""), { scope: "col" })))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((content, at) => cell("td", at, content))))),
    ));
}
