"use strict";

// A crowd of stock Socket.IO clients against one URL. They keep no cookies:
// the client for Node has no cookie jar unless it is asked for one. What can be
// asked for is in crowd.js.
//
//   node clients.js '{"url":"http://127.0.0.1:3000","clients":60}'
//
// Every client connects and does not reconnect, unless told to; waits to be
// greeted; and once all are up, sends its messages in rounds, text and
// binary in turns, one to the node ("echo") and one from it ("push") in each.
// A client that starts with polling and may upgrade sends from the start,
// through the upgrade, and once more after it. Nobody leaves before everybody
// has finished.
//
// On the way out it prints one line of JSON to stdout:
//
//   clients          how many were started
//   connected        how many were greeted by a node
//   idMismatch       greeted clients whose socket.id is another than the node's
//   answers          acknowledgements that came back, as they should have
//   wrongNode        acknowledgements from another node than the greeting one
//   mismatched       payloads that came back different
//   disconnects      greeted clients that lost their session
//   lost             these, by the node that they were on
//   ungreeted        sessions lost before a node greeted
//   connectErrors    attempts to connect that failed, by what was said of it
//   errors           what went wrong, the first twenty; errorCount: how often
//   upgraded         clients that went from polling to WebSocket
//   perNode          greeted clients by node
//   finalTransports  clients still up at the end, by transport
//   replies          HTTP replies, those that begin a WebSocket too
//   setCookies       Set-Cookie headers seen in replies, without the nodes' own
//   reopened         sessions opened in the place of lost ones, by node
//   reopenedAfter    for each of those, how many ms after the loss it was greeted
//   lastReopened     when the last of those was greeted, in ms since 1970
//   returned         how many of those are on the node of the lost one
//   recovered        how many of those have its state (connection state recovery)
//   news             events "news" that came from the nodes
//   newsOfOthers     how many of those are of another node than the client's
//   newsAgain        how many of those the client had already
//
// With "hold" it prints {"ready":true,"connected":…} when everybody is up, and
// stays until the line "finish" comes on stdin: "talk" goes on in rounds all
// the while; "listen" is silent but for what each line asks of everybody, and
// prints {"done":…,"result":…}, with what it has measured so far, when all who
// are still there have done it. It exits when its standard input closes,
// whatever it is doing then. With "listen" the lines are:
//
//   round      a round
//   broadcast  has its node tell all clients the news
//   cut        loses its connections, and stays away; with roam or cookieJar
//   reconnect  connects anew
//
// With "reconnect", a client that has lost its session connects anew, in the
// client's own time, and goes on: with the step that it was at, if it listens.

const diagnostics = require("node:diagnostics_channel");
const { Client } = require("./client.js");
const { crowd, result, fail } = require("./crowd.js");
const { Told } = require("./told.js");

// Both of the client's transports ask through node:http, which tells. Nodes of
// Socket.IO 2 set a cookie of their own, named io.
diagnostics.subscribe("http.client.request.start", ({ request }) => {
  const own = (cookie) => cookie.startsWith("io=");
  const look = ({ headers }) => {
    result.replies++;
    result.setCookies += (headers["set-cookie"] ?? []).filter((cookie) => !own(cookie)).length;
  };
  request.once("response", look);
  request.once("upgrade", look);
});

// A barrier opens when everybody has arrived or given up.
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

async function main() {
  const told = new Told();
  const allUp = barrier(crowd.clients);
  const allDone = barrier(crowd.clients);
  const clients = Array.from({ length: crowd.clients }, (_, index) => new Client(index));

  const lives = clients.map(async (client) => {
    try {
      await client.greeted().finally(allUp.arrive);
      await allUp.opened;
      await client.live(told);
    } catch (error) {
      fail(client.index, error.message);
      told.gone();
    } finally {
      allDone.arrive();
    }
  });

  await allUp.opened;
  if (crowd.hold) console.log(JSON.stringify({ ready: true, connected: result.connected }));
  await Promise.all([allDone.opened, ...lives]);
  for (const client of clients) client.leave();
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}

main();
