"use strict";

// RawClient is a client of Socket.IO 4 on Engine.IO's own build, eio, without
// Socket.IO's client. It speaks as much of the protocol as clients.js needs, and
// has the methods of socket.io-client that clients.js calls.
class RawClient {
  connected = false;
  handlers = new Map();
  acknowledgements = [];

  constructor(url, options) {
    const engine = eio(url, options);
    this.io = { engine };
    engine.on("open", () => engine.send("0"));
    engine.on("message", (data) => this.receive(data));
    engine.on("error", (error) => this.emitLocal("connect_error", error));
    engine.on("close", (reason, details) => {
      this.connected = false;
      this.emitLocal("disconnect", reason, details);
    });
  }

  on(event, handler) {
    this.handlers.set(event, handler);
  }

  emitLocal(event, ...parts) {
    this.handlers.get(event)?.(...parts);
  }

  emit(event, payload, acknowledged) {
    const id = this.acknowledgements.push(acknowledged) - 1;
    const binary = payload instanceof ArrayBuffer;
    const json = JSON.stringify([event, binary ? { _placeholder: true, num: 0 } : payload]);
    this.io.engine.send(`${binary ? "51-" : "2"}${id}${json}`);
    if (binary) this.io.engine.send(payload);
  }

  // Takes a packet, or one of the attachments that follow it.
  receive(data) {
    if (typeof data === "string") {
      const [, type, attachments, id, json] = /^(\d)(?:(\d+)-)?(\d+)?(.*)$/s.exec(data);
      this.packet = { type, id, json, missing: Number(attachments ?? 0), attachments: [] };
    } else {
      this.packet.attachments.push(data);
      this.packet.missing--;
    }
    if (this.packet.missing === 0) this.handle(this.packet);
  }

  handle({ type, id, json, attachments }) {
    const parts = JSON.parse(json, (_, value) => (value?._placeholder ? attachments[value.num] : value));
    switch (type) {
      case "0": // CONNECT
        this.id = parts.sid;
        this.connected = true;
        break;
      case "2": // EVENT
      case "5": // BINARY_EVENT
        this.emitLocal(...parts, () => this.io.engine.send(`3${id}[]`));
        break;
      case "3": // ACK
      case "6": // BINARY_ACK
        this.acknowledgements[id](...parts);
        break;
      default:
        this.emitLocal("connect_error", new Error(`a packet of type ${type}: ${json}`));
    }
  }

  close() {
    this.io.engine.close();
  }
}
