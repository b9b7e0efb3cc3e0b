"use strict";

// Clients in one page, as ../clients.js runs them in Node.js. ../browser.js, where
// the settings and the result are described, calls runClients.

// What text holds: what JSON escapes, what a form or a URL would change, what
// Engine.IO separates packets with, and characters of one to four bytes.
const alphabet = 'plain text, "quoted" \\ + & % = \u001e \n \u2028 grüße \u{1f600} ';

// payload is what a client sends in a round: text and binary in turns, the
// first of each as large as may be.
function payload(client, round, maxBytes) {
  const size = round < 2 ? maxBytes : Math.ceil(maxBytes / (client + round));
  if (round % 2 === 1) return Uint8Array.from({ length: size }, (_, i) => 31 * i + 7 * client + round).buffer;
  return `${client}, ${round}: ` + alphabet.repeat(Math.ceil(size / alphabet.length));
}

function same(sent, got) {
  if (!(sent instanceof ArrayBuffer)) return sent === got;
  if (!(got instanceof ArrayBuffer) || sent.byteLength !== got.byteLength) return false;
  const bytes = new Uint8Array(got);
  return new Uint8Array(sent).every((byte, i) => byte === bytes[i]);
}

// What a transport error says beyond its name.
function described(error) {
  const { description, context } = error ?? {};
  if (description === undefined) return "";
  const said = description.message ?? description.type ?? description;
  return ` (${[said, context?.responseText].filter(Boolean).join(" ")})`;
}

function count(counts, key) {
  counts[key] = (counts[key] ?? 0) + 1;
}

class PageClient {
  constructor(index, settings, result) {
    Object.assign(this, { index, settings, result, leaving: false });
    const options = {
      path: settings.path,
      transports: settings.transports,
      reconnection: settings.reconnect,
      forceNew: true,
      timeout: settings.timeout,
      ...settings.options,
    };
    this.socket = settings.build === "engine.io" ? new RawClient(settings.url, options) : io(settings.url, options);
    this.lost = new Promise((_, reject) => (this.lose = (problem) => reject(new Error(problem))));
    this.lost.catch(() => {}); // reported by what awaits it
    this.hello = new Promise((resolve) => this.socket.on("hello", resolve));
    this.upgrade = new Promise((resolve) => this.socket.io.engine.once("upgrade", resolve)).then(() => result.upgraded++);
    this.socket.on("connect_error", (error) => this.lose(`connecting: ${error.message}${described(error)}`));
    let gone;
    this.gone = new Promise((resolve) => (gone = resolve));
    this.socket.on("disconnect", (reason, details) => {
      gone();
      if (this.leaving) return;
      if (this.node) result.disconnects++;
      if (settings.reconnect) {
        count(result.lostByStatus, details?.description ?? reason);
        this.node = undefined;
        return;
      }
      this.lose(`disconnected${this.node ? "" : " before hello"}: ${reason}${described(details)}`);
    });
    this.socket.on("pushed", (got, acknowledge) => {
      if (!same(this.pushing, got)) result.mismatched++;
      acknowledge();
    });
  }

  // Waits for something to happen, the loss of the session, or the timeout.
  async until(happening, what) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what}: nothing in ${this.settings.timeout} ms`)), this.settings.timeout);
    });
    try {
      return await Promise.race([happening, this.lost, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async connected() {
    const { node, id } = await this.until(this.hello, "hello");
    this.node = node;
    this.result.connected++;
    count(this.result.perNode, node);
    if (id !== this.socket.id) this.result.idMismatch++;
  }

  // Waits until the client has lost its session and has opened another one.
  async reopened() {
    this.socket.emit("echo", "", () => {}); // so that the node knows that the client is connected
    await this.until(this.gone, "the loss of the session");
    const { node } = await this.until(new Promise((resolve) => this.socket.once("hello", resolve)), "hello of a new session");
    this.node = node;
    count(this.result.reopened, node);
  }

  async ask(event, sent) {
    const answer = new Promise((resolve) => this.socket.emit(event, sent, resolve));
    const { node, payload: got } = await this.until(answer, event);
    const wrongNode = node !== this.node;
    const mismatched = event === "echo" && !same(sent, got);
    if (wrongNode) this.result.wrongNode++;
    if (mismatched) this.result.mismatched++;
    if (!wrongNode && !mismatched) this.result.answers++;
  }

  async round(index) {
    this.pushing = payload(this.index, index, this.settings.maxBytes);
    await Promise.all([this.ask("echo", this.pushing), this.ask("push", this.pushing)]);
  }

  async talk() {
    const { transports, messages } = this.settings;
    for (let i = 0; i < messages; i++) await this.round(i);
    if (transports[0] !== "polling" || !transports.includes("websocket")) return;
    await this.until(this.upgrade, "upgrade");
    await this.round(messages);
  }

  leave() {
    this.leaving = true;
    if (this.socket.connected) count(this.result.finalTransports, this.socket.io.engine.transport.name);
    this.socket.close();
  }
}

async function runClients(settings) {
  const result = {
    clients: settings.count,
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
    idMismatch: 0,
    lostByStatus: {},
    reopened: {},
  };
  if (settings.visit) await fetch(`${settings.url}/health`, { mode: "no-cors", credentials: "include" });
  const clients = Array.from({ length: settings.count }, (_, index) => new PageClient(index, settings, result));
  // No client sends before all are connected or have failed, or leaves before
  // all have finished.
  const hellos = clients.map((client) => client.connected());
  await Promise.allSettled(hellos);
  const lives = clients.map(async (client, i) => {
    await hellos[i];
    if (settings.reconnect) await client.reopened();
    await client.talk();
  });
  for (const [i, { reason }] of (await Promise.allSettled(lives)).entries()) {
    if (!reason) continue;
    result.errorCount++;
    if (result.errors.length < 20) result.errors.push(`client ${i}: ${reason.message}`);
  }
  for (const client of clients) client.leave();
  return result;
}
