"use strict";

const http = require("node:http");

// Addresses of different networks, as proxies look at a part of the address only. All
// of 127.0.0.0/8 are this machine's.
function address(number) {
  return `127.${1 + (number % 250)}.${Math.floor(number / 250) % 250}.1`;
}

// Agent makes the connections of one client, one for each request, as clients do
// without an agent.
class Agent extends http.Agent {
  jar = new Map();
  connections = new Set();
  addresses = Math.floor(Math.random() * 250);

  constructor({ roam, ownAddress, cookieJar }, index) {
    super();
    this.roam = roam;
    if (ownAddress) this.own = address(ownAddress + index);
    this.cookieJar = cookieJar;
  }

  createConnection(options, done) {
    if (this.roam) options.localAddress = address(this.addresses++);
    if (this.own) options.localAddress = this.own;
    const connection = super.createConnection(options, done);
    this.connections.add(connection);
    connection.once("close", () => this.connections.delete(connection));
    return connection;
  }

  // Every request comes through here before its headers are sent, those that
  // become WebSockets included.
  addRequest(request, ...rest) {
    if (this.cookieJar) {
      if (this.jar.size > 0) request.setHeader("Cookie", [...this.jar.values()].join("; "));
      const keep = ({ headers }) => this.keep(headers["set-cookie"] ?? []);
      request.once("response", keep);
      request.once("upgrade", keep);
    }
    super.addRequest(request, ...rest);
  }

  keep(cookies) {
    for (const cookie of cookies) {
      const pair = cookie.split(";", 1)[0];
      this.jar.set(pair.split("=", 1)[0], pair);
    }
  }

  // Breaks all connections, as a lost network does.
  cut() {
    for (const connection of this.connections) connection.destroy();
  }
}

module.exports = { Agent };
