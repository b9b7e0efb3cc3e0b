"use strict";

// The nodes of node.js as workers of Node's own cluster, behind one of the packages
// that Socket.IO's page lists, each used as the page or its own README says:
//
//   node node.js --name a --name b --cluster @socket.io/sticky --port 3000
//
// There are as many workers as names. Workers have the names a, b, c and so on, in the
// order in which they are forked, and so has the one that replaces a worker that died.
// Each prints {"name":"a","pid":42} to stdout once it is up. The line "fork" on standard
// input forks one more, where the package can do that.

const cluster = require("node:cluster");
const http = require("node:http");
const readline = require("node:readline");

const packages = {
  // https://socket.io/docs/v4/using-multiple-nodes/#using-nodejs-cluster
  "@socket.io/sticky": {
    primary({ workers, port, host }) {
      const { setupMaster } = require("@socket.io/sticky");
      const { setupPrimary } = require("@socket.io/cluster-adapter");
      const server = http.createServer();
      setupMaster(server, { loadBalancingMethod: "least-connection" });
      setupPrimary();
      cluster.setupPrimary({ serialization: "advanced" });
      server.listen(port, host);
      for (let i = 0; i < workers; i++) cluster.fork();
      cluster.on("exit", () => cluster.fork());
      return () => cluster.fork();
    },
    worker({ io, version }) {
      const { setupWorker } = require("@socket.io/sticky");
      if (version === "4") io.adapter(require("@socket.io/cluster-adapter").createAdapter()); // it is not for 2
      setupWorker(io);
    },
  },

  // https://github.com/indutny/sticky-session: the primary has no server of its own.
  "sticky-session": {
    primary({ workers, port, host }) {
      require("sticky-session").listen(http.createServer(), { port, host }, { workers });
    },
    worker({ server, port }) {
      require("sticky-session").listen(server, port);
    },
  },

  // https://github.com/wzrdtales/socket-io-sticky-session, by the address of the
  // connection, and as it says to be used behind a proxy, by x-forwarded-for.
  "socketio-sticky-session": socketioStickySession({}),
  "socketio-sticky-session, proxy": socketioStickySession({ proxy: true }),
};

function socketioStickySession(options) {
  const sticky = (...args) => require("socketio-sticky-session")(...args);
  return {
    primary({ workers, port, host }) {
      sticky({ ...options, num: workers }, () => http.createServer()).listen(port, host);
    },
    worker({ server, port, host }) {
      sticky(options, () => server).listen(port, host);
    },
  };
}

async function run(flags, create) {
  const { primary, worker } = packages[flags.cluster];
  const options = { workers: flags.name.length, port: Number(flags.port), host: flags.host, version: flags.socketio };
  if (cluster.isPrimary) {
    const fork = primary(options);
    readline.createInterface({ input: process.stdin }).on("line", (line) => line === "fork" && fork?.());
    return;
  }
  const name = String.fromCharCode("a".charCodeAt(0) + cluster.worker.id - 1);
  worker({ ...options, ...(await create(name)) });
  console.log(JSON.stringify({ name, pid: process.pid }));
}

module.exports = { run };
