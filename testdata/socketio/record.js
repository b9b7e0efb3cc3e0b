"use strict";

// Records what real servers answer to a handshake over HTTP long-polling.
//
//   npm run record
//
// It needs bin/goserver, which make goserver builds.
//
// Each server below is started in turn, asked once with a plain http.get, and
// stopped. The body goes into ../handshakes byte for byte as it came, and
// ../handshakes/index.json says what was asked, of whom, and which sid it was
// given. The files are committed, so that the tests of core run without Node;
// record again when a version in package.json changes. Only the sids change
// from one recording to the next.
//
// In index.json:
//
//   eio            the Engine.IO protocol version the client asked for
//   encoding       how the open packet is wrapped: v4 (0{…}), v3-string
//                  (97:0{…}), v3-binary (0x00, digits, 0xff), and either of the
//                  first two inside a JSONP callback, jsonp-v4 and jsonp-v3
//   sid            the Engine.IO session id that the server opened
//   contentType, contentLength    the reply's headers

const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const readline = require("node:readline");
const { spawn } = require("node:child_process");
const { once } = require("node:events");

const testdata = path.join(__dirname, "..");
const directory = path.join(testdata, "handshakes");

// The string is longer in bytes than in characters, and holds what JSON and
// JavaScript strings have to escape.
const greeting = '2["initial","grüße \u{1f600} \\"quoted\\" \u2028"]';

// inProcess starts what attach puts on an HTTP server of this program.
async function inProcess(attach) {
  const server = http.createServer();
  const io = attach(server);
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    port: server.address().port,
    sids: () => Object.keys(io.engine.clients),
    stop: () =>
      new Promise((closed) => {
        server.on("close", closed);
        io.close();
      }),
  };
}

// spawned starts a program that says its port, and its sids at /whoami.
async function spawned(program, ...flags) {
  const child = spawn(program, ["--name", "recorded", ...flags], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = await once(readline.createInterface({ input: child.stdout }), "line");
  const { port } = JSON.parse(line);
  return {
    port,
    sids: async () => JSON.parse((await get(port, "/whoami")).body).sids,
    stop: () => {
      child.stdin.end();
      return once(child, "exit");
    },
  };
}

const v4 = (options) => ({
  version: `socket.io ${require("socket.io/package.json").version}`,
  start: () => inProcess((server) => new (require("socket.io").Server)(server, options)),
});

const v2 = (configure = () => {}) => ({
  version: `socket.io ${require("socket.io-2/package.json").version}`,
  start: () =>
    inProcess((server) => {
      const io = require("socket.io-2")(server);
      configure(io);
      return io;
    }),
});

// The server written in Go. Its version is the one in its go.mod.
const go = (...flags) => ({
  version: fs
    .readFileSync(path.join(testdata, "goserver", "go.mod"), "utf8")
    .match(/(zishang520\/socket\.io)\/servers\/socket\S* v(\S+)/)
    .slice(1)
    .join(" "),
  start: () => spawned(path.join(testdata, "..", "bin", "goserver"), ...flags),
});

const recordings = [
  { file: "v4-polling.txt", server: v4(), query: "EIO=4&transport=polling", encoding: "v4" },
  { file: "v4-jsonp.txt", server: v4(), query: "EIO=4&transport=polling&j=0", encoding: "jsonp-v4" },
  {
    file: "v4-initial-packet.txt",
    server: v4({ initialPacket: greeting }),
    query: "EIO=4&transport=polling",
    encoding: "v4",
  },
  {
    file: "v4-initial-packet-binary.txt",
    server: v4({ initialPacket: Buffer.from([0, 1, 254, 255]) }),
    query: "EIO=4&transport=polling",
    encoding: "v4",
  },
  {
    file: "v4-initial-packet-jsonp.txt",
    server: v4({ initialPacket: greeting }),
    query: "EIO=4&transport=polling&j=1",
    encoding: "jsonp-v4",
  },
  {
    file: "v4-allow-eio3-eio4.txt",
    server: v4({ allowEIO3: true }),
    query: "EIO=4&transport=polling",
    encoding: "v4",
  },
  {
    file: "v4-allow-eio3-eio3-string.txt",
    server: v4({ allowEIO3: true }),
    query: "EIO=3&transport=polling",
    encoding: "v3-string",
  },
  {
    file: "v4-allow-eio3-eio3-jsonp.txt",
    server: v4({ allowEIO3: true }),
    query: "EIO=3&transport=polling&j=0",
    encoding: "jsonp-v3",
  },
  {
    file: "v4-allow-eio3-eio3-initial-packet-binary.bin",
    server: v4({ allowEIO3: true, initialPacket: Buffer.from([0, 1, 254, 255]) }),
    query: "EIO=3&transport=polling",
    encoding: "v3-binary",
  },
  { file: "v2-polling-string.txt", server: v2(), query: "EIO=3&transport=polling", encoding: "v3-string" },
  { file: "v2-polling-string-b64.txt", server: v2(), query: "EIO=3&transport=polling&b64=1", encoding: "v3-string" },
  { file: "v2-jsonp.txt", server: v2(), query: "EIO=3&transport=polling&j=0", encoding: "jsonp-v3" },
  {
    // A middleware takes the initial packet away.
    file: "v2-no-initial-packet.txt",
    server: v2((io) => io.use((socket, next) => next())),
    query: "EIO=3&transport=polling",
    encoding: "v3-string",
  },
  {
    file: "v2-initial-packet-string.txt",
    server: v2((io) => (io.eio.initialPacket = greeting)),
    query: "EIO=3&transport=polling",
    encoding: "v3-string",
  },
  {
    file: "v2-initial-packet-jsonp.txt",
    server: v2((io) => (io.eio.initialPacket = greeting)),
    query: "EIO=3&transport=polling&j=2",
    encoding: "jsonp-v3",
  },
  {
    // One binary packet frames the whole payload in binary.
    file: "v2-initial-packet-binary.bin",
    server: v2((io) => (io.eio.initialPacket = Buffer.from([0, 1, 254, 255]))),
    query: "EIO=3&transport=polling",
    encoding: "v3-binary",
  },
  {
    // A client that cannot read binary gets the same in base64.
    file: "v2-initial-packet-binary-b64.txt",
    server: v2((io) => (io.eio.initialPacket = Buffer.from([0, 1, 254, 255]))),
    query: "EIO=3&transport=polling&b64=1",
    encoding: "v3-string",
  },
  { file: "go-polling.txt", server: go(), query: "EIO=4&transport=polling", encoding: "v4" },
  { file: "go-jsonp.txt", server: go(), query: "EIO=4&transport=polling&j=0", encoding: "jsonp-v4" },
  {
    file: "go-allow-eio3-eio3-string.txt",
    server: go("--allow-eio3"),
    query: "EIO=3&transport=polling",
    encoding: "v3-string",
  },
  {
    file: "go-allow-eio3-eio3-jsonp.txt",
    server: go("--allow-eio3"),
    query: "EIO=3&transport=polling&j=0",
    encoding: "jsonp-v3",
  },
];

function get(port, target) {
  return new Promise((resolve, reject) => {
    http
      .get({ host: "127.0.0.1", port, path: target }, (res) => {
        const chunks = [];
        res.on("data", (chunk) => chunks.push(chunk));
        res.on("end", () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks) }));
      })
      .on("error", reject);
  });
}

// The sid comes from the server, not out of the body, so that the index does
// not depend on any way of reading a body.
async function record({ file, server: { version, start }, query, encoding }) {
  const { port, sids: open, stop } = await start();
  const { status, headers, body } = await get(port, `/socket.io/?${query}`);
  const sids = await open();
  if (status !== 200 || sids.length !== 1 || !body.includes(sids[0])) {
    throw new Error(`${file}: not a handshake: status ${status}, sessions ${sids}, body ${body}`);
  }
  fs.writeFileSync(path.join(directory, file), body);
  await stop();

  return {
    file,
    query,
    eio: Number(new URLSearchParams(query).get("EIO")),
    encoding,
    sid: sids[0],
    server: version,
    contentType: headers["content-type"],
    contentLength: Number(headers["content-length"]),
  };
}

async function main() {
  const index = [];
  for (const recording of recordings) index.push(await record(recording));
  fs.writeFileSync(path.join(directory, "index.json"), `${JSON.stringify(index, null, 2)}\n`);
  console.log(`recorded ${index.length} handshakes`);
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
