"use strict";

const { Agent } = require("./agent.js");
const { payloads } = require("./payloads.js");
const { settings, result, count } = require("./settings.js");

const io = settings.version === 2 ? require("socket.io-client-2") : require("socket.io-client").io;

function same(sent, got) {
  return Buffer.isBuffer(sent) ? Buffer.isBuffer(got) && sent.equals(got) : sent === got;
}

class Client {
  constructor(index) {
    this.index = index;
    const { transports, transportsInTurn: several } = settings;
    this.transports = several.length > 0 ? several[index % several.length] : transports;
    this.leaving = false;
    this.away = false;
    this.steps = 0; // commands done
    this.payloads = payloads(index, settings);
    this.agent = settings.roam || settings.ownAddress || settings.cookieJar ? new Agent(settings, index) : false;
    this.socket = io(settings.url, {
      path: settings.path,
      transports: this.transports,
      rejectUnauthorized: settings.rejectUnauthorized,
      forceBase64: settings.forceBase64,
      extraHeaders: { ...settings.extraHeaders },
      withCredentials: settings.withCredentials,
      agent: this.agent,
      reconnection: settings.reconnect,
      forceNew: true,
      forceNode: true, // 2 would take the WebSocket of newer Node.js, which knows no agent
      timeout: settings.connectTimeout || settings.timeout,
    });
    this.began = performance.now();
    // Each session has an engine of its own, which is open before it upgrades.
    this.socket.io.on("open", () => {
      this.upgrade = new Promise((resolve) => this.socket.io.engine.once("upgrade", resolve)).then(() => result.upgraded++);
    });
    this.begin();
    this.awaitHello();
    this.socket.on("connect_error", (error) => {
      const problem = `connecting: ${error.message}${described(error)}`;
      count(result.connectErrors, problem);
      if (!settings.reconnect) this.lose(new Error(problem));
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
        result.lostBeforeConnect++;
      }
      this.lose(new Error(`disconnected${this.node ? "" : " before hello"}: ${reason}${described(details)}`));
      this.awaitHello();
    });
    this.socket.on("pushed", (got, acknowledge) => {
      if (!same(this.pushing, got)) result.mismatched++;
      acknowledge();
    });
    const received = new Set();
    this.socket.on("news", ({ node, number }) => {
      result.news++;
      if (node !== this.node) result.newsOfOtherNodes++;
      const key = `${node} ${number}`;
      if (received.has(key)) result.duplicateNews++;
      received.add(key);
    });
  }

  // Starts to wait for the loss of a session.
  begin() {
    this.gone = false;
    this.lost = new Promise((_, reject) => {
      this.lose = (error) => {
        this.gone = true;
        reject(error);
      };
    });
    this.lost.catch(() => {}); // reported by what awaits it
  }

  // Waits for the event "hello", which may come before a caller awaits it.
  awaitHello() {
    this.hello = new Promise((resolve) => {
      this.socket.once("hello", ({ node, id }) => {
        if (id !== this.socket.id) result.idMismatch++;
        resolve(node);
      });
    });
  }

  // Waits for something to happen, the loss of the session, or the timeout.
  async until(happening, what) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what}: nothing in ${settings.timeout} ms`)), settings.timeout);
    });
    try {
      return await Promise.race([happening, this.lost, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  // Waits for "hello", of another session if one is lost and clients reconnect.
  async nextHello(what) {
    for (;;) {
      try {
        return await this.until(this.hello, what);
      } catch (error) {
        if (!settings.reconnect || !this.gone) throw error;
        this.begin();
      }
    }
  }

  async connected() {
    this.node = await this.nextHello("hello");
    result.connected++;
    result.connectedAfter.push(Math.round(performance.now() - this.began));
    count(result.perNode, this.node);
  }

  // Waits for the session that the client opens after it lost one.
  async reopened() {
    const before = this.node;
    this.begin();
    this.node = undefined;
    this.node = await this.nextHello("hello of a new session");
    result.reopenedAfter.push(Math.round(performance.now() - this.lostAt));
    result.lastReopened = Date.now();
    count(result.reopened, this.node);
    if (this.node === before) result.returned++;
    if (this.socket.recovered) result.recovered++;
  }

  // Closes the session and opens another one.
  async visitAgain() {
    this.away = true;
    this.socket.disconnect();
    this.away = false;
    this.begin();
    this.node = undefined;
    this.awaitHello();
    this.socket.connect();
    this.node = await this.nextHello("hello of another visit");
    result.visits++;
  }

  async cut() {
    const disconnected = new Promise((resolve) => this.socket.once("disconnect", resolve));
    this.away = true;
    this.agent.cut();
    await this.until(disconnected, "cut");
  }

  async reconnect() {
    this.away = false;
    this.awaitHello();
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
    // Socket.IO would keep what is sent without a session for the next one.
    await Promise.race([this.lost, null]);
    this.pushing = this.payloads.next().value;
    await Promise.all([this.ask("echo", this.pushing), this.ask("push", this.pushing)]);
  }

  async broadcast() {
    await this.ask("broadcast", "");
  }

  count() {}

  get upgrades() {
    return this.transports[0] === "polling" && this.transports.includes("websocket");
  }

  async live(commands) {
    for (;;) {
      try {
        await this.talk(commands);
        if (!settings.stay || commands.finished) return;
        await this.visitAgain();
        continue;
      } catch (error) {
        if (!settings.reconnect || !this.gone) throw error;
      }
      await this.reopened();
    }
  }

  async talk(commands) {
    for (let i = 0; i < settings.messages; i++) await commands.doRound(() => this.round());
    if (settings.mode === "continuous") {
      const leaves = performance.now() + (settings.stay ? settings.stay * (0.5 + Math.random()) : Infinity);
      while (!commands.finished && performance.now() < leaves) {
        await commands.doRound(() => this.round());
        await Promise.race([this.lost, commands.finishing, new Promise((resolve) => setTimeout(resolve, settings.pause))]);
      }
    }
    if (settings.mode === "commands") {
      for (;;) {
        const step = await Promise.race([commands.until(this.steps + 1), this.lost]);
        if (!step) break;
        await this[step]();
        this.steps++;
        commands.stepDone();
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
