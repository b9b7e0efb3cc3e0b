// Broadcasts: a node sends a message to all clients that it reaches, and the page
// shows which of its own that were.

import { act, adapter, colour, nodes } from "./cluster.js";
import { setData, setText } from "./dom.js";
import { log } from "./log.js";

const line = document.getElementById("news");
const showFor = 4000; // milliseconds
const hearWithin = 500; // after the node has sent

// last is the newest broadcast: { node, number, sent, took, reached, clients }, with the
// times in milliseconds, in reached each session that got it and its node then, and in
// clients how many were up.
let last = null;
let asked = null; // the one that a button has asked for: { node, time }

// reached is the names of the sessions that got the newest one.
export function reached() {
  return last ? [...last.reached.keys()].map((session) => session.name) : [];
}

// broadcast has a node send a message to all. Without an adapter, and without a client
// on the node, no session hears of it.
export async function broadcast(node) {
  const mine = { node: node.name, time: performance.now() };
  asked = mine;
  if (!(await act(node, "broadcast"))) return;
  setTimeout(() => {
    if (asked === mine) begin(node.name, 0, mine.time);
  }, hearWithin);
}

function begin(node, number, sent) {
  asked = null;
  last = { node, number, sent, took: 0, reached: new Map(), clients: 0 };
  setTimeout(report, hearWithin, last);
}

// heard is called for each session that gets a broadcast.
export function heard(session, { node, number }) {
  const now = performance.now();
  if (last?.node !== node || last.number !== number) begin(node, number, asked?.node === node ? asked.time : now);
  last.reached.set(session, session.node);
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
  log(news === last ? tone() : "note", `broadcast of node ${news.node} reached ${news.reached.size} clients`);
}

function tone() {
  return adapter.redis && last.reached.size === last.clients ? "good" : "note";
}

export function drawNews(sessions) {
  if (last) last.clients ||= sessions.filter((session) => session.state === "up").length;
  setData(line, { tone: last ? tone() : "", reached: last?.reached.size ?? 0 });
  setText(line, last ? result() : hint());
}

function hint() {
  return adapter.redis
    ? "Press “Broadcast”: the Redis adapter passes the message of one node on to the clients of all nodes."
    : "Press “Broadcast”: without an adapter between the nodes, a message reaches only the clients of the node that sent it. Start the demo with REDIS=1 to see it reach all.";
}

function result() {
  const { node, took, reached, clients } = last;
  const count = `The broadcast of node ${node} reached ${reached.size} of ${clients} clients`;
  if (!adapter.redis) return `${count}, those of node ${node} only: there is no adapter between the nodes. REDIS=1 starts one.`;
  const on = new Set(reached.values()).size;
  return `${count}, on ${on} of ${nodes.length} nodes, through the Redis adapter, in ${Math.max(Math.round(took), 1)} ms.`;
}
