"use strict";

// What a crowd of clients is told, and what comes of it: see clients.js.

const crowd = {
  url: "",
  path: "/socket.io",
  clients: 1,
  client: 4, // the clients' major version: 4 or 2
  transports: ["polling", "websocket"],
  messages: 20, // rounds of each client, before the last one after an upgrade
  maxBytes: 100_000, // of the largest payload; every client sends one text and one binary of this size
  rejectUnauthorized: true, // check the front's certificate
  forceBase64: false, // send no binary but in base64
  extraHeaders: {}, // of every request
  withCredentials: false, // 4 only: keep cookies as the client itself does, in polls, for a session
  cookieJar: false, // keep cookies as an application's agent can, in all requests, for good
  roam: false, // come from another address with each connection
  hold: "", // "talk" or "listen"
  pause: 0, // with "talk": milliseconds between two rounds of one client
  reconnect: false,
  guard: 120_000, // milliseconds after which something that has not happened is an error
  ...JSON.parse(process.argv[2] ?? "{}"),
};

const result = {
  clients: crowd.clients,
  connected: 0,
  idMismatch: 0,
  answers: 0,
  wrongNode: 0,
  mismatched: 0,
  disconnects: 0,
  lost: {},
  ungreeted: 0,
  connectErrors: {},
  errors: [],
  errorCount: 0,
  upgraded: 0,
  perNode: {},
  finalTransports: {},
  replies: 0,
  setCookies: 0,
  reopened: {},
  reopenedAfter: [],
  lastReopened: 0,
  returned: 0,
  recovered: 0,
  news: 0,
  newsOfOthers: 0,
  newsAgain: 0,
};

function fail(client, problem) {
  result.errorCount++;
  if (result.errors.length < 20) result.errors.push(`client ${client}: ${problem}`);
}

function count(counts, key) {
  counts[key] = (counts[key] ?? 0) + 1;
}

module.exports = { crowd, result, fail, count };
