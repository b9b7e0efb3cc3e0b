// While a node drains, the clients of this page leave it one by one, as users do with
// time: each closes its session and opens another, which has to be on another node.

import { nodes } from "./cluster.js";
import { log } from "./log.js";

const leaveEvery = 2000; // milliseconds

export function leaveDraining(sessions) {
  setInterval(() => {
    for (const node of nodes) if (isLeft(node)) leave(node, sessions);
  }, leaveEvery);
}

// isLeft reports whether a node drains for a while, and there is another to go to.
function isLeft(node) {
  const open = nodes.some(({ running, draining }) => running && !draining);
  return node.running && node.draining && open && performance.now() - node.drainedSince > leaveEvery / 2;
}

function leave(node, sessions) {
  const session = sessions.find((one) => one.state === "up" && one.node === node.name);
  if (!session) return;
  log("note", `${session.name} left node ${node.name}, which is draining`);
  session.renew();
}
