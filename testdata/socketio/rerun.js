"use strict";

// Runs clients.js several times in one process, one after the other: starting Node.js
// and compiling its packages costs as much as a small run does.
//
//   node rerun.js
//
// A line on standard input has the settings of a run. The lines after it, until the
// line with the result is printed, are those of clients.js. The clients end as with
// their process: their connections break, and they send nothing more. After the next
// line, whatever it says, "ended" is printed once no connection is left. Those over TLS
// are not known here. It exits when its standard input closes.

const diagnostics = require("node:diagnostics_channel");
const { EventEmitter } = require("node:events");
const readline = require("node:readline");
const { setTimeout } = require("node:timers/promises");

// What the settings and the result of a run are in.
const own = ["agent", "client", "clients", "commands", "payloads", "settings"].map((name) => require.resolve(`./${name}.js`));

let running; // gets the lines of a run
let ended = true; // the last run, with its connections

const connections = new Set();
diagnostics.subscribe("net.client.socket", ({ socket }) => {
  connections.add(socket);
  socket.once("close", () => connections.delete(socket));
  if (!running) process.nextTick(() => socket.destroy()); // a client that has left would say so
});

async function begin(settings) {
  running = new EventEmitter();
  ended = false;
  process.argv[2] = settings;
  for (const file of own) delete require.cache[file];
  const result = await require("./clients.js").run(running);
  running = undefined;
  for (const connection of connections) connection.destroy();
  console.log(result);
}

async function end() {
  do await setTimeout(1);
  while (connections.size > 0);
  ended = true;
  console.log("ended");
}

function receive(line) {
  if (running) running.emit("line", line);
  else if (ended) begin(line);
  else end();
}

readline
  .createInterface({ input: process.stdin })
  .on("line", receive)
  .on("close", () => process.exit(0));
