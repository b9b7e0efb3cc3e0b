"use strict";

// The page that a node serves to browsers, in which browser.js runs clients. It
// is a fixed list of files: nothing else is served under /page/.

const { readFileSync } = require("node:fs");
const { join } = require("node:path");

const files = {
  "/page/": "page/index.html",
  "/page/rawclient.js": "page/rawclient.js",
  "/page/clients.js": "page/clients.js",
  // The builds for browsers, as they are published.
  "/page/socket.io-4.js": "node_modules/socket.io-client/dist/socket.io.js",
  "/page/socket.io-2.js": "node_modules/socket.io-client-2/dist/socket.io.js",
  "/page/engine.io.js": "node_modules/engine.io-client/dist/engine.io.js",
};

function has(path) {
  return Object.hasOwn(files, path);
}

function serve(path, res) {
  const type = files[path].endsWith(".html") ? "text/html" : "text/javascript";
  res.writeHead(200, { "Content-Type": `${type}; charset=utf-8` }).end(readFileSync(join(__dirname, files[path])));
}

module.exports = { has, serve };
