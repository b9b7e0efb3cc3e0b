// The part of the header that depends on what was started.

import { nodes, proxies } from "./cluster.js";
import { setText } from "./dom.js";

const words = ["no", "one", "two", "three", "four"];

export function drawHeader() {
  const line = `socketio /socket.io/* ${nodes.map((node) => node.address).join(" ")}`;
  const several = proxies.length > 1;
  setText(document.getElementById("config"), several ? `${line} {\n    secret ••••••••\n}` : line);
  if (!several) return;
  setText(
    document.getElementById("through"),
    `${words[proxies.length]} Caddy proxies, which have the same secret and share nothing else. The requests of a session come ` +
      "through all of them in turn, and each must reach the node that opened the session: the proxies write that node's tag " +
      "into the session ID, read it there, and set no cookie.",
  );
}
