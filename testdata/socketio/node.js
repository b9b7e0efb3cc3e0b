"use strict";

// Real Socket.IO nodes: unmodified servers, each of which says which node it is.
//
//   node node.js --name a --port 3001
//   node node.js --name a --name b
//
// With several names there are as many nodes, which share nothing but the process.
// When one is up it prints one line to stdout, {"name":"a","port":3001}, in the order
// of the names, and nothing else. It exits on SIGTERM, on SIGINT and when its standard input
// closes, so that it cannot outlive the program that started it, not even one
// that was killed. Keep its standard input open for as long as you want it.
//
// To a client it does this:
//
//   on connection       emits "hello" {node, id}: the socket's ID, as it is here
//   "echo" payload ack  acknowledges with {node, payload}
//   "push" payload ack  emits "pushed" payload to the same client, and once the
//                       client has acknowledged that, acknowledges with {node}
//   "broadcast" any ack emits "news" {node, number} to all clients, as POST /news
//                       does, and acknowledges with {node}
//
// and over plain HTTP: GET /health says "ok", GET /whoami says
// {"node": name, "clients": open Engine.IO sessions, "waiting": those of them
// whose poll waits here, "active": connected sockets that have sent "echo" or "push",
// and so have had "hello", "preflights": OPTIONS
// requests seen that have a session ID, "unknownPreflights": those of
// them whose session was never here, "unknownSessions": requests answered with
// "Session ID unknown", of 4 only}, and GET /page/ is a page for browsers: see page.js.
//
// rerunnodes.js starts nodes several times in one process.
//
// With --cluster, the nodes are workers of one process: see cluster.js.
//
// With --crash, GET /crash ends the node before it answers.
//
// After POST /unhealthy, GET /health is answered with 503.
//
// POST /news emits "news" {node, number} to all clients; the number is 1, then 2
// and so on.

const cluster = require("node:cluster");
const { once } = require("node:events");
const { readFileSync } = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const { parseArgs } = require("node:util");
const page = require("./page.js");

const { values: flags } = parseArgs({
  options: {
    name: { type: "string", multiple: true },
    port: { type: "string", default: "0" }, // 0: any free one
    host: { type: "string", default: "127.0.0.1" },
    socket: { type: "string" }, // listen on a Unix socket of this path, and not on a port
    cert: { type: "string" }, // speak HTTPS, with the certificate of this file and the key of the next
    key: { type: "string" },
    path: { type: "string", default: "/socket.io" },
    socketio: { type: "string", default: "4" }, // the major version: 4 or 2
    "allow-eio3": { type: "boolean", default: false }, // 4 only: serve Engine.IO 3 clients too
    compression: { type: "boolean", default: false }, // compress every reply and every frame
    "initial-packet": { type: "string" }, // 4 only (2 sends its CONNECT): a message behind the open packet
    "ping-interval": { type: "string" }, // milliseconds
    "ping-timeout": { type: "string" }, // milliseconds
    cors: { type: "boolean", default: false }, // allow every origin, with credentials
    cookie: { type: "boolean", default: false }, // 4 only (2 sets it anyway): set the cookie io, as 2 does
    redis: { type: "string" }, // 4 only: the URL of a Redis that passes events between nodes
    recovery: { type: "boolean", default: false }, // 4 only: connection state recovery
    crash: { type: "boolean", default: false }, // end at GET /crash, before any answer
    "dotted-ids": { type: "string" }, // 4 only: make session IDs with dots, of this length
    cluster: { type: "string" }, // one process for each name, as workers behind this package: see cluster.js
    trace: { type: "boolean", default: false }, // say in every reply X-Node, X-Seen (the request's URL) and X-Cookie (its cookies)
  },
});

function refuse(problem) {
  console.error(`node.js: ${problem}`);
  process.exit(2);
}

if (!flags.name?.length) refuse("--name is required");
if (flags.name.length > 1 && !flags.cluster && (flags.port !== "0" || flags.socket)) refuse("--port and --socket are of one node");
if (flags.socketio !== "4" && flags.socketio !== "2") refuse(`--socketio is 4 or 2, not ${flags.socketio}`);
for (const flag of ["allow-eio3", "initial-packet", "cookie", "redis", "recovery", "dotted-ids"]) {
  if (flags.socketio === "2" && flags[flag]) refuse(`--${flag} is for --socketio 4`);
}

function number(flag) {
  const value = Number(flags[flag]);
  if (!Number.isInteger(value) || value < 0) refuse(`--${flag} is a whole number, not ${flags[flag]}`);
  return value;
}

// By default a node closes the connection of an upgrade after ten seconds, and with it
// the session: the client no longer polls by then. A busy machine may take longer.
const options = { path: flags.path, serveClient: false, upgradeTimeout: 120_000 };
if (flags["ping-interval"]) options.pingInterval = number("ping-interval");
if (flags["ping-timeout"]) options.pingTimeout = number("ping-timeout");
if (flags.compression) {
  options.httpCompression = { threshold: 0 };
  options.perMessageDeflate = { threshold: 0 };
}
if (flags.socketio === "4") {
  if (flags.cors) options.cors = { origin: true, credentials: true };
  if (flags["allow-eio3"]) options.allowEIO3 = true;
  if (flags["initial-packet"]) options.initialPacket = flags["initial-packet"];
  if (flags.cookie) options.cookie = { name: "io", path: "/", httpOnly: true, sameSite: "lax" };
  if (flags.recovery) options.connectionStateRecovery = {};
}

// create returns the server of a node's name, and what is on it.
async function create(name) {
  let healthy = true;
  let preflights = 0;
  let unknownPreflights = 0;
  let unknownSessions = 0;
  const opened = new Set(); // the IDs of all Engine.IO sessions that were ever here

  function answer(req, res) {
    const path = req.url.split("?", 1)[0];
    if (flags.crash && path === "/crash") {
      process.exit(1);
    } else if (["GET", "HEAD"].includes(req.method) && path === "/health") {
      res.writeHead(healthy ? 200 : 503, { "Content-Type": "text/plain" }).end(healthy ? "ok" : "unhealthy");
    } else if (req.method === "POST" && path === "/unhealthy") {
      healthy = false;
      res.writeHead(204).end();
    } else if (req.method === "GET" && path === "/whoami") {
      const sessions = Object.values(io.engine.clients);
      const waiting = sessions.filter(({ transport }) => transport.name === "polling" && transport.writable);
      const said = JSON.stringify({
        node: name,
        clients: sessions.length,
        waiting: waiting.length,
        active: active.size,
        preflights,
        unknownPreflights,
        unknownSessions,
      });
      res.writeHead(200, { "Content-Type": "application/json" }).end(said);
    } else if (req.method === "POST" && path === "/news") {
      broadcast();
      res.writeHead(204).end();
    } else if (req.method === "GET" && page.has(path)) {
      page.serve(path, res);
    } else {
      res.writeHead(404, { "Content-Type": "text/plain" }).end("not found");
    }
  }

  const server = flags.cert
    ? https.createServer({ cert: readFileSync(flags.cert), key: readFileSync(flags.key) }, answer)
    : http.createServer(answer);

  const io =
    flags.socketio === "4"
      ? new (require("socket.io").Server)(server, options)
      : require("socket.io-2")(server, options);

  if (flags["dotted-ids"]) {
    const generate = io.engine.generateId;
    io.engine.generateId = (req) => {
      const id = "." + generate.call(io.engine, req);
      return "eyJhbGciOiI.".padEnd(number("dotted-ids") - id.length, "x") + id;
    };
  }
  io.engine.on("connection", ({ id }) => opened.add(id));
  io.engine.on("connection_error", ({ code }) => {
    if (code === 1) unknownSessions++;
  });

  server.prependListener("request", (req) => {
    if (req.method !== "OPTIONS") return;
    const sid = new URL(req.url, "http://node").searchParams.get("sid");
    if (sid === null) return; // of a session that is about to be
    preflights++;
    if (!opened.has(sid)) unknownPreflights++;
  });

  if (flags.trace) {
    server.prependListener("request", (req, res) => {
      res.setHeader("X-Node", name);
      res.setHeader("X-Seen", req.url);
      if (req.headers.cookie) res.setHeader("X-Cookie", req.headers.cookie);
    });
  }

  let news = 0;

  function broadcast() {
    io.emit("news", { node: name, number: ++news });
  }

  const active = new Set(); // connected sockets that have sent a message

  io.on("connection", (socket) => {
    socket.on("disconnect", () => active.delete(socket));
    socket.on("echo", (payload, ack) => {
      active.add(socket);
      ack({ node: name, payload });
    });
    socket.on("push", (payload, ack) => {
      active.add(socket);
      socket.emit("pushed", payload, () => ack({ node: name }));
    });
    socket.on("broadcast", (_, ack) => {
      broadcast();
      ack({ node: name });
    });
    socket.emit("hello", { node: name, id: socket.id });
  });

  if (flags.redis) await passEvents(io, flags.redis);
  server.on("error", exit);
  return { server, io };
}

const started = []; // nodes

// start starts the node of a name and returns once it listens.
async function start(name) {
  const { server, io } = await create(name);
  const connections = new Set();
  server.on("connection", (connection) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
  });
  started.push({ server, io, connections });
  const at = flags.socket ? { path: flags.socket } : { port: number("port"), host: flags.host };
  await new Promise((listens) => server.listen(at, listens));
  console.log(JSON.stringify({ name, port: server.address().port }));
}

function exit(error) {
  console.error(`node.js: ${error.message}`);
  process.exit(1);
}

// As the page of the adapter says, and returns once it is subscribed.
async function passEvents(io, url) {
  const publisher = require("redis").createClient({ url }).on("error", exit);
  const subscriber = publisher.duplicate().on("error", exit);
  await Promise.all([publisher.connect(), subscriber.connect()]);
  io.adapter(require("@socket.io/redis-adapter").createAdapter(publisher, subscriber));
  await subscriber.ping(); // goes behind what the adapter has asked for
}

async function main() {
  if (flags.cluster) return require("./cluster.js").run(flags, create);
  for (const name of flags.name) await start(name);
}

// end ends the nodes as the end of their process would: their connections break.
async function end() {
  for (const { server, io, connections } of started) {
    const closed = once(server, "close");
    io.close();
    for (const connection of connections) connection.destroy();
    await closed;
  }
}

if (require.main === module) {
  // A worker shares its standard input with the primary, and ends with it.
  if (cluster.isWorker) process.on("disconnect", () => process.exit(0));
  else for (const event of ["end", "close", "error"]) process.stdin.on(event, () => process.exit(0));
  if (cluster.isPrimary) process.stdin.resume();
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));

  main().catch(exit);
}

module.exports = { main, end };
