// One session: a stock Socket.IO client with its default options, except for
// the transports that it may use. It asks its node for an echo a few times a
// second and compares the name in the answer with the node that sent hello.

import { io } from "./client/socket.io.esm.min.js";

const echoEvery = 300; // milliseconds
const pushEach = 12; // every so many messages is a push instead of an echo

export const seconds = 60; // how far back a session's history goes

export const kinds = {
  polling: { title: "Long-polling, held", short: "P", transports: ["polling"] },
  upgraded: { title: "Upgraded to WebSocket", short: "U", transports: ["polling", "websocket"] },
  websocket: { title: "WebSocket only", short: "W", transports: ["websocket"] },
};

export class Session {
  constructor(kind, number, log, news) {
    this.kind = kind;
    this.number = number;
    this.name = `${kind} ${number}`;
    this.short = kinds[kind].short + number;
    this.log = log;
    this.news = news; // called for each broadcast that it gets

    this.state = "connecting"; // then "up", and "lost" between two nodes
    this.node = ""; // the node of the session
    this.transport = "";
    this.upgradeTime = null; // milliseconds from opening to WebSocket
    this.sid = ""; // as this client was given it
    this.requests = new Map(); // of this sid, by proxy
    this.tag = ""; // the node's, from the sid
    this.move = null; // the last one: { from, to, time }
    this.answered = 0;
    this.wrong = 0;
    this.lost = 0;
    this.lostFrom = []; // the node of each loss
    this.history = []; // one { node, count } a second, oldest first
    this.current = { node: "", count: 0 };
    this.sent = 0;
    this.lostAt = 0;
    this.trying = false; // to connect, after at least one failure
  }

  open() {
    this.socket = io({ transports: kinds[this.kind].transports, forceNew: true });
    this.socket.io.on("open", () => this.opened(this.socket.io.engine));
    this.socket.on("hello", ({ node }) => this.onHello(node));
    this.socket.on("news", (news) => this.news(this, news));
    this.socket.on("pushed", (payload, ack) => ack(payload));
    this.socket.on("disconnect", (reason) => this.disconnected(reason));
    this.socket.on("connect_error", (error) => this.refused(error));
    setInterval(() => this.talk(), echoEvery);
  }

  // renew closes the session and opens another, as a user does who leaves and another
  // who comes.
  renew() {
    this.state = "connecting";
    this.transport = "";
    this.move = null;
    this.socket.disconnect().connect();
  }

  // opened is called for each new Engine.IO session, before its first message.
  opened(engine) {
    const start = performance.now();
    this.transport = engine.transport.name;
    this.upgradeTime = null;
    this.sid = engine.id;
    this.requests = new Map();
    const [tag, ...rest] = engine.id.split(".");
    this.tag = rest.length > 0 ? tag : "";
    engine.on("upgrade", (transport) => {
      this.transport = transport.name;
      this.upgradeTime = performance.now() - start;
      this.log("good", `${this.name} upgraded to WebSocket on its node after ${duration(this.upgradeTime)}`);
    });
  }

  // refused is called for every attempt that fails; the log has the first of a row.
  refused(error) {
    if (!this.trying) this.log("note", `${this.name} could not connect (${error.message}), keeps trying`);
    this.trying = true;
  }

  onHello(node) {
    this.trying = false;
    if (this.state === "lost") {
      const from = this.node;
      const time = performance.now() - this.lostAt;
      this.move = { from, to: node, time };
      this.log("good", `${this.name} lost node ${from}, back on ${node} after ${duration(time)}`);
    } else {
      this.log("note", `${this.name} opened on node ${node}`);
    }
    this.state = "up";
    this.node = node;
  }

  disconnected(reason) {
    if (this.state !== "up") return;
    this.state = "lost";
    this.lostAt = performance.now();
    this.lost += 1;
    this.lostFrom.push(this.node);
    this.transport = "";
    this.log("bad", `${this.name} lost node ${this.node} (${reason})`, this);
  }

  talk() {
    if (this.state !== "up") return;
    this.sent += 1;
    const push = this.sent % pushEach === 0;
    const payload = `${this.name}, message ${this.sent}`;
    this.socket.emit(push ? "push" : "echo", payload, (answer) => {
      this.answered += 1;
      this.current.count += 1;
      const right = answer.node === this.node && (push || answer.payload === payload);
      if (right) return;
      this.wrong += 1;
      this.log("bad", `${this.name} belongs to node ${this.node}, but node ${answer.node} answered`);
    });
  }

  // passSecond moves the second that has gone by into the history.
  passSecond() {
    if (this.state === "connecting") return;
    this.current.node = this.state === "up" ? this.node : "";
    this.history.push(this.current);
    if (this.history.length > seconds) this.history.shift();
    this.current = { node: "", count: 0 };
  }

  // rate is messages per second, over the last three; of one node, if named.
  rate(node) {
    const recent = this.history.slice(-3);
    const counted = recent.filter((second) => node === undefined || second.node === node);
    return counted.reduce((sum, second) => sum + second.count, 0) / Math.max(recent.length, 1);
  }
}

export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
