// One Socket.IO node of several. It needs no change for the proxy: this is a
// stock server, with what each node of a cluster should have:
//
//   - a Redis adapter, so that a broadcast reaches the clients of all nodes;
//   - /health, for the health checks of the proxy or the readiness probe;
//   - a drain: on SIGTERM it goes on serving until its sessions have ended, for
//     at most DRAIN_SECONDS, and then closes what is left. A second SIGTERM ends
//     it at once.
//
// Whoever sends the SIGTERM has to see to it that the node gets no new sessions:
// Kubernetes does, and for others the files for each proxy say how.

import { createServer } from "node:http";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { HOST, PORT = "3000", REDIS_URL = "redis://127.0.0.1:6379", DRAIN_SECONDS = "600" } = process.env;
const node = process.env.NODE ?? hostname();
const drainFor = Number(DRAIN_SECONDS) * 1000;
if (!(drainFor >= 0)) throw new Error(`DRAIN_SECONDS is a number of seconds, not ${DRAIN_SECONDS}`);

// It says nothing of Redis, on purpose: one Redis that is down would make every
// node unhealthy at once. The same goes for a drain: an unhealthy node loses its
// sessions.
const server = createServer((req, res) => {
  if (req.url === "/health") res.writeHead(200, { "Content-Type": "text/plain" }).end("ok");
  else res.writeHead(404).end();
});

// Both connect again by themselves when Redis was away.
const publisher = createClient({ url: REDIS_URL });
const subscriber = publisher.duplicate();
for (const client of [publisher, subscriber]) client.on("error", (error) => console.error(`redis: ${error.message}`));
await Promise.all([publisher.connect(), subscriber.connect()]);

const io = new Server(server, { adapter: createAdapter(publisher, subscriber) });

// Your application goes here.
let news = 0;
io.on("connection", (socket) => {
  socket.emit("hello", { node, id: socket.id });
  socket.on("broadcast", (text, acknowledge) => {
    io.emit("news", { node, number: ++news, text });
    acknowledge({ node });
  });
});

let draining = false;

async function drain() {
  if (draining) process.exit(1);
  draining = true;
  const deadline = Date.now() + drainFor;
  console.log(`draining ${io.engine.clientsCount} sessions for at most ${drainFor / 1000} s`);
  while (io.engine.clientsCount > 0 && Date.now() < deadline) await sleep(200);
  console.log(`closing ${io.engine.clientsCount} sessions`);
  sleep(5000).then(() => process.exit(0)); // clients that do not answer
  await io.close(); // clients that are left reconnect
  process.exit(0);
}

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, drain);

server.listen(Number(PORT), HOST, () => console.log(`node ${node} listens on port ${server.address().port}`));
