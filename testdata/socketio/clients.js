"use strict";

// A crowd of stock Socket.IO clients against one URL. They keep no cookies:
// the client for Node has no cookie jar unless it is asked for one.
//
//   node clients.js '{"url":"http://127.0.0.1:3000","clients":60}'
//
// Every client connects and does not reconnect, unless told to; waits to be
// greeted; and once all are up, sends its messages in rounds, text and
// binary in turns, one to the node ("echo") and one from it ("push") in each.
// A client that starts with polling and may upgrade sends from the start,
// through the upgrade, and once more after it. Nobody leaves before everybody
// has finished.
//
// On the way out it prints one line of JSON to stdout:
//
//   clients          how many were started
//   connected        how many were greeted by a node
//   answers          acknowledgements that came back, as they should have
//   wrongNode        acknowledgements from another node than the greeting one
//   mismatched       payloads that came back different
//   disconnects      greeted clients that lost their session
//   errors           what went wrong, the first twenty; errorCount: how often
//   upgraded         clients that went from polling to WebSocket
//   perNode          greeted clients by node
//   finalTransports  clients still up at the end, by transport
//   setCookies       Set-Cookie headers seen in replies
//   reopened         sessions opened in the place of lost ones, by node
//
// With "hold" it prints {"ready":true,"connected":…} when everybody is up, and
// stays until the line "finish" comes on stdin: "talk" goes on in rounds all
// the while; "listen" is silent but for a round at each line "round", and
// prints {"round":…} when everybody who is still there has finished it. It
// exits when its standard input closes, whatever it is doing then.
//
// With "reconnect", for a crowd of one transport that talks, a client that has
// lost its session connects anew, in the client's own time, and goes on.

const diagnostics = require("node:diagnostics_channel");
const readline = require("node:readline");
const { io } = require("socket.io-client");
const { payloads } = require("./payloads.js");

const crowd = {
  url: "",
  path: "/socket.io",
  clients: 1,
  transports: ["polling", "websocket"],
  messages: 20, // rounds of each client, before the last one after an upgrade
  maxBytes: 100_000, // of the largest payload; every client sends one text and one binary of this size
  rejectUnauthorized: true, // check the front's certificate
  hold: "", // "talk" or "listen"
  pause: 0, // with "talk": milliseconds between two rounds of one client
  reconnect: false,
  guard: 120_000, // milliseconds after which something that has not happened is an error
  ...JSON.parse(process.argv[2] ?? "{}"),
};

const result = {
  clients: crowd.clients,
  connected: 0,
  answers: 0,
  wrongNode: 0,
  mismatched: 0,
  disconnects: 0,
  errors: [],
  errorCount: 0,
  upgraded: 0,
  perNode: {},
  finalTransports: {},
  setCookies: 0,
  reopened: {},
};

function fail(client, problem) {
  result.errorCount++;
  if (result.errors.length < 20) result.errors.push(`client ${client}: ${problem}`);
}

function count(counts, key) {
  counts[key] = (counts[key] ?? 0) + 1;
}

// Both of the client's transports ask through node:http, which tells.
diagnostics.subscribe("http.client.request.start", ({ request }) => {
  const look = (response) => (result.setCookies += (response.headers["set-cookie"] ?? []).length);
  request.once("response", look);
  request.once("upgrade", look);
});

function same(sent, got) {
  return Buffer.isBuffer(sent) ? Buffer.isBuffer(got) && sent.equals(got) : sent === got;
}

// A barrier opens when everybody has arrived or given up.
function barrier(parties) {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  if (parties === 0) open();
  return {
    opened,
    arrive() {
      if (--parties === 0) open();
    },
  };
}

class Client {
  constructor(index) {
    this.index = index;
    this.leaving = false;
    this.payloads = payloads(index, crowd);
    this.socket = io(crowd.url, {
      path: crowd.path,
      transports: crowd.transports,
      rejectUnauthorized: crowd.rejectUnauthorized,
      reconnection: crowd.reconnect,
      forceNew: true,
      timeout: crowd.guard,
    });
    this.upgrade = new Promise((resolve) => this.socket.io.engine.once("upgrade", resolve)).then(() => result.upgraded++);
    this.begin();
    this.listen();
    this.socket.on("connect_error", (error) => {
      if (!crowd.reconnect) this.lose(new Error(`connecting: ${error.message}${described(error)}`));
    });
    this.socket.on("disconnect", (reason, details) => {
      if (this.leaving) return;
      if (this.node) result.disconnects++;
      this.lose(new Error(`disconnected${this.node ? "" : " before the greeting"}: ${reason}${described(details)}`));
      this.listen();
    });
    this.socket.on("pushed", (got, acknowledge) => {
      if (!same(this.pushing, got)) result.mismatched++;
      acknowledge();
    });
  }

  // Begins a session that may be lost.
  begin() {
    this.gone = false;
    this.lost = new Promise((_, reject) => {
      this.lose = (error) => {
        this.gone = true;
        reject(error);
      };
    });
    this.lost.catch(() => {}); // whoever waits for it says so
  }

  // Listens for the greeting of a session, which may come before it is asked for.
  listen() {
    this.greeting = new Promise((resolve) => this.socket.once("hello", resolve));
  }

  // Waits for something to happen, for the session's loss, or for the guard.
  async until(happening, what) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what}: nothing in ${crowd.guard} ms`)), crowd.guard);
    });
    try {
      return await Promise.race([happening, this.lost, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async greeted() {
    const { node } = await this.until(this.greeting, "greeting");
    this.node = node;
    result.connected++;
    count(result.perNode, node);
  }

  // Waits for the session that the client opens in the place of a lost one.
  async reopened() {
    this.begin();
    this.node = undefined;
    const { node } = await this.until(this.greeting, "greeting anew");
    this.node = node;
    count(result.reopened, node);
  }

  async ask(event, sent) {
    const answer = new Promise((resolve) => this.socket.emit(event, sent, resolve));
    const { node, payload: got } = await this.until(answer, event);
    let right = true;
    if (node !== this.node) {
      result.wrongNode++;
      right = false;
    }
    if (event === "echo" && !same(sent, got)) {
      result.mismatched++;
      right = false;
    }
    if (right) result.answers++;
  }

  async round() {
    // What is sent without a session would be kept for the next one.
    await Promise.race([this.lost, null]);
    this.pushing = this.payloads.next().value;
    await Promise.all([this.ask("echo", this.pushing), this.ask("push", this.pushing)]);
  }

  get upgrades() {
    return crowd.transports[0] === "polling" && crowd.transports.includes("websocket");
  }

  async live(told) {
    for (;;) {
      try {
        return await this.talk(told);
      } catch (error) {
        if (!crowd.reconnect || !this.gone) throw error;
      }
      await this.reopened();
    }
  }

  async talk(told) {
    for (let i = 0; i < crowd.messages; i++) await this.round();
    if (crowd.hold === "talk") {
      while (!told.finished) {
        await this.round();
        await new Promise((resolve) => setTimeout(resolve, crowd.pause));
      }
    }
    if (crowd.hold === "listen") {
      for (let rounds = 1; await Promise.race([told.until(rounds), this.lost]); rounds++) {
        await this.round();
        told.roundDone();
      }
    }
    if (!this.upgrades) return;
    await this.until(this.upgrade, "upgrade");
    await this.round();
    const { name } = this.socket.io.engine.transport;
    if (name !== "websocket") throw new Error(`upgraded, but still over ${name}`);
  }

  leave() {
    this.leaving = true;
    if (this.socket.connected) count(result.finalTransports, this.socket.io.engine.transport.name);
    this.socket.close();
  }
}

// What a transport error says beyond its name: the status and the body of a
// reply, or the first line of what went wrong without one.
function described(error) {
  const { description, context } = error ?? {};
  if (description === undefined) return "";
  const body = String(context?.responseText ?? "").split("\n", 1)[0];
  return ` (${[description.message ?? description, body].filter((part) => part !== "").join(" ")})`;
}

// Told is what the program that started the crowd says on standard input.
class Told {
  rounds = 0; // asked for
  finished = false;
  done = 0; // clients that have finished the last round
  listeners = crowd.clients;
  waiting = [];

  constructor() {
    readline
      .createInterface({ input: process.stdin })
      .on("line", (line) => this.hear(line))
      .on("close", () => process.exit(0));
  }

  hear(line) {
    if (line === "round") {
      this.rounds++;
      this.done = 0;
    }
    if (line === "finish") this.finished = true;
    for (const wake of this.waiting.splice(0)) wake();
    this.report();
  }

  // Waits for a round to be asked for, or for the end: then it is false.
  async until(round) {
    while (this.rounds < round && !this.finished) await new Promise((wake) => this.waiting.push(wake));
    return this.rounds >= round;
  }

  roundDone() {
    this.done++;
    this.report();
  }

  gone() {
    this.listeners--;
    this.report();
  }

  report() {
    if (crowd.hold !== "listen" || this.finished || this.rounds === this.reported) return;
    if (this.rounds === 0 || this.done < this.listeners) return;
    this.reported = this.rounds;
    console.log(JSON.stringify({ round: this.rounds }));
  }
}

async function main() {
  const told = new Told();
  const allUp = barrier(crowd.clients);
  const allDone = barrier(crowd.clients);
  const clients = Array.from({ length: crowd.clients }, (_, index) => new Client(index));

  const lives = clients.map(async (client) => {
    try {
      await client.greeted().finally(allUp.arrive);
      await allUp.opened;
      await client.live(told);
    } catch (error) {
      fail(client.index, error.message);
      told.gone();
    } finally {
      allDone.arrive();
    }
  });

  await allUp.opened;
  if (crowd.hold) console.log(JSON.stringify({ ready: true, connected: result.connected }));
  await Promise.all([allDone.opened, ...lives]);
  for (const client of clients) client.leave();
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}

main();
