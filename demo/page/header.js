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
    `${words[proxies.length]} Caddy proxies. A balancer gives each request to the next proxy, and still it must reach the node that ` +
      "opened its session: the proxies write that node's tag into the session ID. They share a secret, but no state, and set no cookie.",
  );
}
