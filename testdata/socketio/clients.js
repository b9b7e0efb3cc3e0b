"use strict";

// Stock Socket.IO clients against one URL. They keep no cookies: the client for
// Node.js has no cookie jar unless it is given one. The settings are described
// in settings.js.
//
//   node clients.js '{"url":"http://127.0.0.1:3000","count":60}'
//
// Every client connects, and does not reconnect unless "reconnect" is set. It
// waits for the node's event "hello". Once all clients are connected, each sends
// its messages in rounds, text and binary in turns: in each round one to the node
// ("echo") and one from it ("push"). A client that starts with polling and may
// upgrade sends from the start, through the upgrade, and once more after it. No
// client leaves before all have finished.
//
// On the way out it prints one line of JSON to stdout:
//
//   clients            how many were started
//   connected          how many got "hello" from a node
//   connectedAfter     for each of those, milliseconds from the start to "hello"
//   idMismatch         connected clients whose socket.id is another than the node's
//   answers            acknowledgements that came back and were right
//   wrongNode          acknowledgements from another node than the client's
//   mismatched         payloads that came back different
//   disconnects        connected clients that lost their session
//   lost               these, by node
//   lostBeforeConnect  sessions lost before "hello"
//   connectErrors      attempts to connect that failed, by error message
//   errors             the first twenty errors; errorCount: all of them
//   upgraded           clients that went from polling to WebSocket
//   perNode            connected clients by node
//   finalTransports    clients still connected at the end, by transport
//   replies            HTTP replies, those that begin a WebSocket included
//   setCookies         Set-Cookie headers in replies, without the nodes' own
//   visits             sessions opened after a client left, with "stay"
//   reopened           sessions opened after one was lost, by node
//   reopenedAfter      for each of those, milliseconds from the loss to "hello"
//   lastReopened       when the last of those got "hello", in ms since 1970
//   returned           how many of those are on the node of the lost session
//   recovered          how many of those have its state (connection state recovery)
//   news               events "news" from the nodes
//   newsOfOtherNodes   how many of those come from another node than the client's
//   duplicateNews      how many of those the client had already
//
// With a "mode" it prints {"ready":true,"connected":…} once all clients are
// connected, and stays until the line "finish" comes on stdin. In mode
// "continuous" the clients go on with rounds, and with "stay" they leave and come
// again. Between the lines "pause", which is answered like a command once no client is
// at a round, and "resume" they do no rounds. In mode "commands" they do what each
// line says; when all that are left have done it, {"done":…,"result":…} is
// printed, with the results so far. It exits when its standard input closes,
// whatever it is doing then. The commands are:
//
//   round      a round
//   broadcast  has the client's node send the news to all clients
//   count      does nothing, for the results so far
//   cut        closes the client's connections, without reconnecting; needs roam
//              or cookieJar
//   reconnect  connects again
//
// With "reconnect", a client that has lost its session connects again, after the
// delay that Socket.IO chooses, and goes on, in mode "commands" with the current
// command.
//
// rerun.js runs it several times in one process.

const diagnostics = require("node:diagnostics_channel");
const readline = require("node:readline");
const { Client } = require("./client.js");
const { Commands } = require("./commands.js");
const { settings, result, fail } = require("./settings.js");

// Both of the client's transports use node:http, which publishes its requests.
// Nodes of Socket.IO 2 set a cookie of their own, named io.
function countReplies({ request }) {
  const own = (cookie) => cookie.startsWith("io=");
  const look = ({ headers }) => {
    result.replies++;
    result.setCookies += (headers["set-cookie"] ?? []).filter((cookie) => !own(cookie)).length;
  };
  request.once("response", look);
  request.once("upgrade", look);
}

// A barrier opens when all parties have arrived or failed.
function barrier(parties) {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  if (parties === 0) open();
  return {
    opened,
    arrive() {
      if (--parties === 0) open();
    },
  };
}

// run runs the clients, and returns the result as a line.
async function run(lines) {
  diagnostics.subscribe("http.client.request.start", countReplies);
  const commands = new Commands(lines);
  const allConnected = barrier(settings.count);
  const allDone = barrier(settings.count);
  const clients = Array.from({ length: settings.count }, (_, index) => new Client(index));

  const lives = clients.map(async (client) => {
    try {
      await client.connected().finally(allConnected.arrive);
      await allConnected.opened;
      await client.live(commands);
    } catch (error) {
      fail(client.index, error.message);
      commands.clientFailed();
    } finally {
      allDone.arrive();
    }
  });

  await allConnected.opened;
  if (settings.mode) console.log(JSON.stringify({ ready: true, connected: result.connected }));
  await Promise.all([allDone.opened, ...lives]);
  for (const client of clients) client.leave();
  diagnostics.unsubscribe("http.client.request.start", countReplies);
  return JSON.stringify(result);
}

if (require.main === module) {
  const lines = readline.createInterface({ input: process.stdin }).on("close", () => process.exit(0));
  run(lines).then((line) => process.stdout.write(`${line}\n`, () => process.exit(0)));
}

module.exports = { run };
