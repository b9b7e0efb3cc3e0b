// Broadcasts: a node sends a message to all clients that it reaches, and the page
// shows which of its own that were.

import { act, adapter, colour, nodes } from "./cluster.js";
import { setData, setText } from "./dom.js";
import { log } from "./log.js";

const line = document.getElementById("news");
const showFor = 4000; // milliseconds

// last is the newest broadcast: { node, number, sent, took, reached }, with the times
// in milliseconds and in reached the sessions that got it.
let last = null;
let asked = null; // the one that a button has asked for: { node, time }

// reached is the names of the sessions that got the newest one.
export function reached() {
  return last ? [...last.reached].map((session) => session.name) : [];
}

// broadcast has a node send a message to all.
export async function broadcast(node) {
  asked = { node: node.name, time: performance.now() };
  await act(node, "broadcast");
}

// heard is called for each session that gets a broadcast.
export function heard(session, { node, number }) {
  const now = performance.now();
  if (last?.node !== node || last.number !== number) {
    const sent = asked?.node === node ? asked.time : now;
    asked = null;
    last = { node, number, sent, took: 0, reached: new Set() };
    setTimeout(report, 500, last);
  }
  last.reached.add(session);
  last.took = now - last.sent;
  flash(session, node);
}

// flash fills the session's dot with the colour of the node that sent.
function flash(session, sender) {
  const dot = document.querySelector(`.dots li[data-session="${session.name}"]`);
  const from = document.querySelector(`.node[data-colour="${colour(sender)}"]`);
  if (!dot || !from) return;
  const style = getComputedStyle(from);
  const filled = { background: style.getPropertyValue("--node"), borderColor: style.getPropertyValue("--node"), color: style.getPropertyValue("--on-node") };
  dot.animate([filled, { ...filled, offset: 0.8 }, {}], { duration: showFor });
}

// report writes the log's line when all have had the time to get it.
function report(news) {
  log(news === last ? tone() : "note", `broadcast ${news.number} of node ${news.node} reached ${news.reached.size} clients`);
}

function tone() {
  return adapter.redis ? "good" : "note";
}

export function drawNews(sessions) {
  const up = sessions.filter((session) => session.state === "up");
  setData(line, { tone: last ? tone() : "", reached: last?.reached.size ?? 0 });
  setText(line, last ? result(up) : hint());
}

function hint() {
  return adapter.redis
    ? "Press “Broadcast”: the Redis adapter passes the message of one node on to the clients of all nodes."
    : "Press “Broadcast”: without an adapter between the nodes, a message reaches only the clients of the node that sent it. Start the demo with REDIS=1 to see it reach all.";
}

function result(up) {
  const { node, number, took, reached } = last;
  const count = `Broadcast ${number} of node ${node} reached ${reached.size} of ${up.length} clients`;
  if (!adapter.redis) return `${count}, those of node ${node} only: there is no adapter between the nodes. REDIS=1 starts one.`;
  const on = new Set([...reached].map((session) => session.node)).size;
  return `${count}, on ${on} of ${nodes.length} nodes, through the Redis adapter, in ${Math.max(Math.round(took), 1)} ms.`;
}
