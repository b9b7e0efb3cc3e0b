"use strict";

// The settings of a run of clients, and its result: see clients.js.

const settings = {
  url: "",
  path: "/socket.io",
  count: 1, // of clients
  version: 4, // the clients' major version: 4 or 2
  transports: ["polling", "websocket"],
  transportsInTurn: [], // several such lists, of which the clients take one each, in turn; instead of transports
  messages: 20, // rounds of each client, before the last one after an upgrade
  maxBytes: 100_000, // of the largest payload; every client sends one text and one binary of this size
  rejectUnauthorized: true, // check the proxy's certificate
  forceBase64: false, // send no binary but in base64
  extraHeaders: {}, // of every request
  withCredentials: false, // 4 only: keep cookies as the client itself does, in polls, for a session
  cookieJar: false, // keep cookies as an application's agent can, in all requests, for good
  roam: false, // use another source address for each connection
  ownAddress: 0, // give each client a source address of its own, the first this number of them
  mode: "", // "", "continuous" or "commands"
  pause: 0, // in mode "continuous": milliseconds between two rounds of one client
  stay: 0, // in mode "continuous": milliseconds, give or take half of it, after which a client leaves and comes again
  reconnect: false,
  timeout: 120_000, // milliseconds after which something that has not happened is an error
  connectTimeout: 0, // the clients' own timeout, in milliseconds, if it is not the one above
  ...JSON.parse(process.argv[2] ?? "{}"),
};

const result = {
  clients: settings.count,
  connected: 0,
  connectedAfter: [],
  idMismatch: 0,
  answers: 0,
  wrongNode: 0,
  mismatched: 0,
  disconnects: 0,
  lost: {},
  lostBeforeConnect: 0,
  connectErrors: {},
  errors: [],
  errorCount: 0,
  upgraded: 0,
  perNode: {},
  finalTransports: {},
  replies: 0,
  setCookies: 0,
  visits: 0,
  reopened: {},
  reopenedAfter: [],
  lastReopened: 0,
  returned: 0,
  recovered: 0,
  news: 0,
  newsOfOtherNodes: 0,
  duplicateNews: 0,
};

function fail(client, problem) {
  result.errorCount++;
  if (result.errors.length < 20) result.errors.push(`client ${client}: ${problem}`);
}

function count(counts, key) {
  counts[key] = (counts[key] ?? 0) + 1;
}

module.exports = { settings, result, fail, count };
