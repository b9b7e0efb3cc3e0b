// The nodes: their cards, and the buttons of each.

import { act, colour, nodes, openOf } from "./cluster.js";
import { el, setData, setText } from "./dom.js";
import { broadcast } from "./news.js";
import { kinds } from "./session.js";

const place = document.getElementById("nodes");
const cards = new Map();

async function press(node, action) {
  const done = act(node, action);
  drawButtons(cards.get(node.name), node);
  await done;
}

export function drawNodes(sessions) {
  for (const node of nodes) {
    if (!cards.has(node.name)) cards.set(node.name, makeCard(node));
    drawCard(cards.get(node.name), node, sessions);
  }
}

function makeCard(node) {
  const title = el("h3", { id: `node-${node.name}` }, el("span", { class: "badge" }, node.name), `Node ${node.name}`);
  const card = {
    state: el("p", { class: "state" }),
    dots: el("ul", { class: "dots", "aria-label": `Sessions on node ${node.name}` }),
    count: el("p", { class: "count" }),
    broadcast: button("Broadcast", `Broadcast from node ${node.name}`, () => broadcast(node)),
    drain: button("", "", () => press(node, node.draining ? "undrain" : "drain")),
    toggle: button("", "", () => press(node, node.running ? "stop" : "start")),
  };
  card.root = el(
    "article",
    { class: "node", "aria-labelledby": `node-${node.name}`, "data-node": node.name, "data-colour": colour(node.name) },
    el("div", { class: "head" }, title, card.state, card.count),
    el("div", { class: "foot" }, card.dots, el("div", { class: "buttons" }, card.broadcast, card.drain, card.toggle)),
  );
  place.append(card.root);
  return card;
}

function drawCard(card, node, sessions) {
  const here = sessions.filter((session) => session.state === "up" && session.node === node.name);
  const state = stateOf(node, here);
  setData(card.root, { running: node.running, draining: node.draining, state, sessions: here.length });
  setText(card.state, states[state]);
  setText(card.count, node.draining ? `${openText(node)} open` : node.running ? rateText(node, sessions) : "");
  card.root.style.setProperty("--left", node.draining ? openOf(node) / node.drainedFrom : 0);
  drawDots(card.dots, here);
  drawButtons(card, node);
}

const states = { running: "Running", stopped: "Stopped", draining: "Draining", drained: "Drained" };

// stateOf returns the state of a node. For a moment between two polls, a session has
// nothing open, so a node counts as drained the second time that nothing is.
function stateOf(node, here) {
  if (!node.running) return "stopped";
  if (!node.draining) return "running";
  return node.emptyFor > 1 && here.length === 0 ? "drained" : "draining";
}

function rateText(node, sessions) {
  const rate = sessions.reduce((sum, session) => sum + session.rate(node.name), 0);
  return `${Math.round(rate)} messages/s`;
}

// openText says what is open, as the proxies count it.
export function openText({ open: { polls, websockets } }) {
  const counted = (count, what) => (count === 0 ? [] : [`${count} ${what}${count === 1 ? "" : "s"}`]);
  return [...counted(polls, "poll"), ...counted(websockets, "WebSocket")].join(", ") || "nothing";
}

function drawDots(list, sessions) {
  const wanted = sessions.map((session) => session.short).join(" ");
  if (list.dataset.shown === wanted) return;
  list.dataset.shown = wanted;
  const known = new Map([...list.children].map((dot) => [dot.textContent, dot]));
  list.replaceChildren(
    ...sessions.map(
      (session) =>
        known.get(session.short) ??
        el("li", { title: `${session.name}: ${kinds[session.kind].title}`, "data-session": session.name }, session.short),
    ),
  );
}

function button(text, label, onclick) {
  return el("button", { type: "button", "aria-label": label, onclick }, text);
}

const doing = { stop: "Stopping…", start: "Starting…" };
const long = (node) => Boolean(doing[node.busy]);

function drawButtons(card, node) {
  const verb = node.running ? "Stop" : "Start";
  const drain = node.draining ? "Undrain" : "Drain";
  setButton(card.toggle, doing[node.busy] ?? verb, `${verb} node ${node.name}`, long(node));
  setButton(card.drain, drain, `${drain} node ${node.name}`, node.busy);
  setButton(card.broadcast, "Broadcast", `Broadcast from node ${node.name}`, node.busy || !node.running);
}

function setButton(button, text, label, disabled) {
  setText(button, text);
  if (button.disabled !== Boolean(disabled)) button.disabled = Boolean(disabled);
  if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
}
