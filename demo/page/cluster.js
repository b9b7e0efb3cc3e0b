// What the demo says of its proxies and nodes, and what it is asked to do.

import { log } from "./log.js";

// In open: { polls, websockets }, as the proxies count them.
export const proxies = []; // { name, address, open }
export const nodes = []; // { name, address, running, draining, open } and what own has
export const adapter = { redis: false };

// colour is the number of a node's colour in the style sheet.
export function colour(name) {
  return Math.max(nodes.findIndex((node) => node.name === name), 0);
}

// refresh asks the demo what runs. It throws when the demo does not answer.
export async function refresh() {
  const response = await fetch("demo/cluster", { cache: "no-store" });
  if (!response.ok) throw new Error(`the demo answered ${response.status}`);
  take(await response.json());
}

// act has the demo do something with a node, "stop" for example, and returns whether
// that went well.
export async function act(node, action) {
  node.busy = action;
  try {
    const response = await fetch(`demo/nodes/${encodeURIComponent(node.name)}/${action}`, { method: "POST" });
    if (!response.ok) throw new Error(await response.text());
    take(await response.json());
    return true;
  } catch (error) {
    log("bad", `node ${node.name} did not ${action}: ${error.message}`);
    return false;
  } finally {
    node.busy = "";
  }
}

function take(state) {
  adapter.redis = state.redis;
  for (const one of state.proxies) keep(proxies, one);
  for (const one of state.nodes) {
    const before = keep(nodes, one, { ...own });
    if (before && before.running !== one.running) log("note", `node ${one.name} ${one.running ? "started" : "stopped"}`);
    if (before && before.draining !== one.draining) log("note", `node ${one.name} ${one.draining ? drains : undrained}`);
    noteDrain(nodes.find((node) => node.name === one.name));
  }
}

const drains = "is draining: it gets no new sessions, and the clients of this page leave it one by one";
const undrained = "gets new sessions again";

// own is what the page itself knows of a node.
const own = {
  busy: "", // the action that is under way
  drainedSince: 0, // when it began to drain: milliseconds, as performance.now() has them
  drainedFrom: 0, // the most that was open since then
  emptyFor: 0, // refreshes in a row that found nothing open
};

export const openOf = ({ open }) => open.polls + open.websockets;

function noteDrain(node) {
  if (!node.draining) node.drainedFrom = 0;
  else if (!node.drainedFrom) node.drainedSince = performance.now();
  if (node.draining) node.drainedFrom = Math.max(node.drainedFrom, openOf(node), 1);
  node.emptyFor = openOf(node) === 0 ? node.emptyFor + 1 : 0;
}

// keep updates the one of this name, and returns what it was, or adds it with more.
function keep(all, one, more = {}) {
  const known = all.find((other) => other.name === one.name);
  const before = known && { ...known };
  if (known) Object.assign(known, one);
  else all.push({ ...one, ...more });
  return before;
}
