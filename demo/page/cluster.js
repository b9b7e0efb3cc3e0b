// What the demo says of its proxies and nodes, and what it is asked to do.

import { log } from "./log.js";

export const proxies = []; // { name, address }
export const nodes = []; // { name, address, running, busy }
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

// act has the demo do something with a node: "stop", for example.
export async function act(node, action) {
  node.busy = action;
  try {
    const response = await fetch(`demo/nodes/${encodeURIComponent(node.name)}/${action}`, { method: "POST" });
    if (!response.ok) throw new Error(await response.text());
    take(await response.json());
  } catch (error) {
    log("bad", `node ${node.name} did not ${action}: ${error.message}`);
  }
  node.busy = "";
}

function take(state) {
  adapter.redis = state.redis;
  for (const one of state.proxies) keep(proxies, one);
  for (const one of state.nodes) {
    const { known, before } = keep(nodes, one, { busy: "" });
    if (known && before.running !== one.running) log("note", `node ${one.name} ${one.running ? "started" : "stopped"}`);
  }
}

// keep updates the one of this name, or adds it with more that is the page's own.
function keep(all, one, more = {}) {
  const known = all.find((other) => other.name === one.name);
  const before = { ...known };
  if (known) Object.assign(known, one);
  else all.push({ ...one, ...more });
  return { known, before };
}
