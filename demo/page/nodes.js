// The nodes: their cards, and the buttons that stop and start them.

import { el, setData, setText } from "./dom.js";
import { log } from "./log.js";
import { kinds } from "./session.js";

const place = document.getElementById("nodes");
const config = document.getElementById("config");
const cards = new Map();

export const nodes = []; // { name, address, running, busy }

// colour is the number of a node's colour in the style sheet.
export function colour(name) {
  return Math.max(nodes.findIndex((node) => node.name === name), 0);
}

// refresh asks the demo which nodes run. It throws when the demo does not answer.
export async function refresh() {
  const response = await fetch("demo/nodes", { cache: "no-store" });
  if (!response.ok) throw new Error(`the demo answered ${response.status}`);
  take(await response.json());
}

function take(states) {
  for (const state of states) {
    const known = nodes.find((node) => node.name === state.name);
    if (!known) {
      nodes.push({ ...state, busy: "" });
      continue;
    }
    if (known.running !== state.running) log("note", `node ${state.name} ${state.running ? "started" : "stopped"}`);
    Object.assign(known, state);
  }
  setText(config, `socketio /socket.io/* ${nodes.map((node) => node.address).join(" ")}`);
}

async function toggle(node) {
  const action = node.running ? "stop" : "start";
  node.busy = action;
  drawButton(cards.get(node.name), node);
  try {
    const response = await fetch(`demo/nodes/${encodeURIComponent(node.name)}/${action}`, { method: "POST" });
    if (!response.ok) throw new Error(await response.text());
    take(await response.json());
  } catch (error) {
    log("bad", `node ${node.name} did not ${action}: ${error.message}`);
  }
  node.busy = "";
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
    button: el("button", { type: "button", onclick: () => toggle(node) }),
  };
  card.root = el(
    "article",
    { class: "node", "aria-labelledby": `node-${node.name}`, "data-node": node.name, "data-colour": colour(node.name) },
    el("div", { class: "head" }, title, card.state, card.button),
    el("div", { class: "foot" }, card.dots, card.count),
  );
  place.append(card.root);
  return card;
}

function drawCard(card, node, sessions) {
  const here = sessions.filter((session) => session.state === "up" && session.node === node.name);
  const rate = sessions.reduce((sum, session) => sum + session.rate(node.name), 0);
  setData(card.root, { running: node.running, sessions: here.length });
  setText(card.state, node.running ? "Running" : "Stopped");
  setText(card.count, node.running ? `${Math.round(rate)} messages/s` : "");
  drawDots(card.dots, here);
  drawButton(card, node);
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
        el("li", { title: `${session.name}: ${kinds[session.kind].title}`, "data-kind": session.kind }, session.short),
    ),
  );
}

function drawButton(card, node) {
  const verb = node.running ? "Stop node" : "Start node";
  setText(card.button, node.busy ? (node.busy === "stop" ? "Stopping…" : "Starting…") : verb);
  if (card.button.disabled !== Boolean(node.busy)) card.button.disabled = Boolean(node.busy);
  const label = `${verb} ${node.name}`;
  if (card.button.getAttribute("aria-label") !== label) card.button.setAttribute("aria-label", label);
}
