"use strict";

const { Agent } = require("./agent.js");
const { crowd, result, count } = require("./crowd.js");
const { payloads } = require("./payloads.js");

const io = crowd.client === 2 ? require("socket.io-client-2") : require("socket.io-client").io;

function same(sent, got) {
  return Buffer.isBuffer(sent) ? Buffer.isBuffer(got) && sent.equals(got) : sent === got;
}

class Client {
  constructor(index) {
    this.index = index;
    this.leaving = false;
    this.away = false;
    this.steps = 0; // taken, of those that were asked for
    this.payloads = payloads(index, crowd);
    this.agent = crowd.roam || crowd.cookieJar ? new Agent(crowd) : false;
    this.socket = io(crowd.url, {
      path: crowd.path,
      transports: crowd.transports,
      rejectUnauthorized: crowd.rejectUnauthorized,
      forceBase64: crowd.forceBase64,
      extraHeaders: { ...crowd.extraHeaders },
      withCredentials: crowd.withCredentials,
      agent: this.agent,
      reconnection: crowd.reconnect,
      forceNew: true,
      forceNode: true, // 2 would take the WebSocket of newer Node.js, which knows no agent
      timeout: crowd.guard,
    });
    // Each session has an engine of its own, which is open before it upgrades.
    this.socket.io.on("open", () => {
      this.upgrade = new Promise((resolve) => this.socket.io.engine.once("upgrade", resolve)).then(() => result.upgraded++);
    });
    this.begin();
    this.listen();
    this.socket.on("connect_error", (error) => {
      const problem = `connecting: ${error.message}${described(error)}`;
      count(result.connectErrors, problem);
      if (!crowd.reconnect) this.lose(new Error(problem));
    });
    // 2 says what was wrong before it disconnects, 4 when it does.
    let problem;
    this.socket.on("error", (error) => (problem = error));
    this.socket.on("disconnect", (reason, details = problem) => {
      if (this.node) this.lostAt = performance.now();
      if (this.leaving || this.away) return;
      if (this.node) {
        result.disconnects++;
        count(result.lost, this.node);
      } else {
        result.ungreeted++;
      }
      this.lose(new Error(`disconnected${this.node ? "" : " before the greeting"}: ${reason}${described(details)}`));
      this.listen();
    });
    this.socket.on("pushed", (got, acknowledge) => {
      if (!same(this.pushing, got)) result.mismatched++;
      acknowledge();
    });
    const known = new Set();
    this.socket.on("news", ({ node, number }) => {
      result.news++;
      if (node !== this.node) result.newsOfOthers++;
      const key = `${node} ${number}`;
      if (known.has(key)) result.newsAgain++;
      known.add(key);
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
    this.greeting = new Promise((resolve) => {
      this.socket.once("hello", ({ node, id }) => {
        if (id !== this.socket.id) result.idMismatch++;
        resolve(node);
      });
    });
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

  // Waits to be greeted, by as many nodes as it takes when sessions may be lost.
  async greetedAtLast(what) {
    for (;;) {
      try {
        return await this.until(this.greeting, what);
      } catch (error) {
        if (!crowd.reconnect || !this.gone) throw error;
        this.begin();
      }
    }
  }

  async greeted() {
    this.node = await this.greetedAtLast("greeting");
    result.connected++;
    count(result.perNode, this.node);
  }

  // Waits for the session that the client opens in the place of a lost one.
  async reopened() {
    const before = this.node;
    this.begin();
    this.node = undefined;
    this.node = await this.greetedAtLast("greeting anew");
    result.reopenedAfter.push(Math.round(performance.now() - this.lostAt));
    result.lastReopened = Date.now();
    count(result.reopened, this.node);
    if (this.node === before) result.returned++;
    if (this.socket.recovered) result.recovered++;
  }

  async cut() {
    const disconnected = new Promise((resolve) => this.socket.once("disconnect", resolve));
    this.away = true;
    this.agent.cut();
    await this.until(disconnected, "cut");
  }

  async reconnect() {
    this.away = false;
    this.listen();
    this.socket.connect();
    await this.reopened();
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

  async broadcast() {
    await this.ask("broadcast", "");
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
        await Promise.race([this.lost, told.finishing, new Promise((resolve) => setTimeout(resolve, crowd.pause))]);
      }
    }
    if (crowd.hold === "listen") {
      for (;;) {
        const step = await Promise.race([told.until(this.steps + 1), this.lost]);
        if (!step) break;
        await this[step]();
        this.steps++;
        told.stepDone();
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

module.exports = { Client };
