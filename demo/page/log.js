// The event log: the newest line first, the last fifty of them.

import { el } from "./dom.js";

const keep = 50;
const list = document.getElementById("log");

export const events = [];

// log writes a line; its tone is "note", "good" or "bad".
export function log(tone, text) {
  const time = new Date();
  events.push({ time: time.toISOString(), tone, text });
  if (events.length > keep) events.shift();
  const clock = el("time", { datetime: time.toISOString() }, time.toTimeString().slice(0, 8));
  list.prepend(el("li", { "data-tone": tone }, clock, el("span", {}, text)));
  while (list.children.length > keep) list.lastElementChild.remove();
}
