"use strict";

// Runs node.js several times in one process, one after the other, as rerun.js does with
// clients.js.
//
//   node rerunnodes.js
//
// A line on standard input has the arguments of node.js, as JSON: the nodes start, and
// print what node.js prints. The next line ends them, whatever it says: "ended" is
// printed when they have. It exits when its standard input closes.

const readline = require("node:readline");

// What depends on the arguments.
const own = ["node", "page"].map((name) => require.resolve(`./${name}.js`));

let nodes; // while they run

async function begin(args) {
  process.argv.splice(2, Infinity, ...args);
  for (const file of own) delete require.cache[file];
  nodes = require("./node.js");
  await nodes.main();
}

async function end() {
  await nodes.end();
  nodes = undefined;
  console.log("ended");
}

function exit(error) {
  console.error(`rerunnodes.js: ${error.stack}`);
  process.exit(1);
}

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => (nodes ? end() : begin(JSON.parse(line))).catch(exit))
  .on("close", () => process.exit(0));
