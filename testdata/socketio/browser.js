"use strict";

// A real Chromium, in whose pages stock Socket.IO clients run.
//
//   node browser.js '{"thirdPartyCookies":false,"flags":[]}'
//
// CHROMIUM names the browser (default: /usr/bin/chromium). For each line on
// standard input, the settings of a run, it loads a node's page into a session of
// the browser that no other run has at the time and that has no cookies, has the
// clients do what those of clients.js do, and prints one line of JSON to stdout. Runs
// do not wait for each other. These keys mean what they mean there: clients, connected, answers, wrongNode,
// mismatched, disconnects, errors, errorCount, upgraded, perNode, finalTransports; and
//
//   run           the number in the settings
//   setCookies    cookies that the browser has in the end
//   compressed    replies of Engine.IO that came compressed
//   idMismatch    clients whose socket's ID is another than the node's
//   lostByStatus  with "reconnect", sessions lost, by the status of the reply that the
//                 client saw, which is 0 for a network error
//   reopened      sessions opened after one was lost, by node
//
// It ends the browser and exits when its standard input closes, whatever it is
// doing then.

const { mkdirSync, mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const readline = require("node:readline");
const { chromium } = require("playwright-core");

const settings = {
  thirdPartyCookies: true, // keep and send them
  flags: [], // more flags of Chromium's
  ...JSON.parse(process.argv[2] ?? "{}"),
};

const defaults = {
  run: 0, // any number
  page: "", // the URL of the page
  build: "socket.io-4", // the clients: "socket.io-4", "socket.io-2", or "engine.io", which speaks Socket.IO 4 by hand
  url: "",
  path: "/socket.io",
  count: 1, // of clients
  transports: ["polling", "websocket"],
  messages: 4, // rounds of each client, before the last one after an upgrade
  maxBytes: 20_000, // of the largest payload; every client sends one text and one binary of this size
  options: {}, // more options of the clients
  reconnect: false, // each client sends a message, and before it goes on it loses its session and opens another
  visit: false, // request /health from the proxy, with credentials, before the clients connect
  timeout: 120_000, // milliseconds after which something that has not happened is an error
};

// A profile of its own, since which cookies Chromium blocks is none of its
// flags; where the profile says nothing, distributions differ.
const profile = mkdtempSync(join(tmpdir(), "chromium-"));
mkdirSync(join(profile, "Default"));
writeFileSync(
  join(profile, "Default", "Preferences"),
  JSON.stringify({
    profile: {
      cookie_controls_mode: settings.thirdPartyCookies ? 0 : 1,
      block_third_party_cookies: !settings.thirdPartyCookies,
    },
  }),
);

const launched = chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    ...settings.flags,
  ],
});

// The pages of runs that have ended, each in a context of its own, whose cookies are
// cleared. A new context costs as much as a run, so the next run takes one of these.
const free = [];

async function newPage() {
  const context = await (await launched).browser().newContext({ ignoreHTTPSErrors: true });
  return context.newPage();
}

async function run(options) {
  const page = free.pop() ?? (await newPage());
  const context = page.context();
  let ended = false;
  try {
    page.setDefaultTimeout(options.timeout);
    const faults = [];
    page.on("pageerror", (error) => faults.push(`on the page: ${error.stack}`));
    let compressed = 0;
    page.on("response", (response) => {
      if (response.url().includes("EIO=") && response.headers()["content-encoding"]) compressed++;
    });
    await page.goto(options.page);
    await page.addScriptTag({ url: new URL(`${options.build}.js`, options.page).href });
    // A cookie of the page must not hold the sessions.
    await context.clearCookies();
    const result = await page.evaluate((options) => runClients(options), options);
    result.errors.push(...faults);
    result.errorCount += faults.length;
    result.setCookies = (await context.cookies()).length;
    result.compressed = compressed;
    page.removeAllListeners();
    await page.goto("about:blank");
    await context.clearCookies();
    ended = true;
    return { run: options.run, ...result };
  } finally {
    if (ended) free.push(page);
    else await context.close();
  }
}

let leaving = false;

async function leave(status) {
  if (leaving) return;
  leaving = true;
  await launched.then((context) => context.close()).catch(() => {});
  rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  process.exit(status);
}

function fail(error) {
  if (leaving) return;
  console.error(`browser.js: ${error.stack}`);
  leave(1);
}

// A run that fails says so in its own result, as others may go on.
function failed({ run, count }, error) {
  return { run, clients: count, errorCount: 1, errors: [`browser.js: ${error.stack}`] };
}

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const options = { ...defaults, ...JSON.parse(line) };
    run(options)
      .catch((error) => failed(options, error))
      .then((result) => console.log(JSON.stringify(result)));
  })
  .on("close", () => leave(0));
launched.catch(fail);
