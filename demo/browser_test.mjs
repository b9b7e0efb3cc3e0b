// Drives a real Chromium over the pages of two demos, that of `make demo` alone and
// that of `make demo NODES=5 PROXIES=2 REDIS=1`; demo_test.go starts all three.
//
//   node browser_test.mjs <url of the first> <url of the second>
//
// CHROMIUM names the browser (default /usr/bin/chromium), DEMO_SCREENSHOTS a
// directory for pictures (default: none are taken). When the pages have shown what
// they must, it prints "waiting" and reads its standard input: "stopped" means that
// the demos are gone, which the pages must say.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const fromNodes = createRequire(new URL("../testdata/socketio/package.json", import.meta.url));
const { chromium } = fromNodes("playwright-core");

const [aloneURL, clusterURL] = process.argv.slice(2);
const screenshots = process.env.DEMO_SCREENSHOTS;
const guard = 90_000; // milliseconds; every wait is for a condition and this only ends a hopeless one

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const context = await browser.newContext();
let page; // the one that is looked at

const faults = []; // what must never happen, whenever it does

async function open(url) {
  page = await context.newPage();
  page.setDefaultTimeout(guard);
  page.on("pageerror", (error) => faults.push(`error on the page: ${error.stack}`));
  page.on("console", (message) => {
    if (/content security policy/i.test(message.text())) faults.push(message.text());
  });
  page.on("request", (request) => {
    if (new URL(request.url()).host !== new URL(url).host) faults.push(`request to ${request.url()}`);
  });
  page.on("response", async (response) => {
    const cookie = await response.headerValue("set-cookie").catch(() => null);
    if (cookie !== null) faults.push(`${response.url()} set a cookie: ${cookie}`);
  });
  await page.goto(url);
}

function say(text) {
  console.log(text);
}

// look is the page's state, as plain values.
function look() {
  return page.evaluate(() => ({
    sessions: window.demo.sessions.map(({ name, kind, state, node, transport, tag, requests, answered, wrong, lost }) => ({
      name, kind, state, node, transport, tag, requests: Object.fromEntries(requests), answered, wrong, lost,
    })),
    nodes: window.demo.nodes.map(({ name, running }) => ({ name, running })),
    events: window.demo.events.map(({ tone, text }) => `${tone}: ${text}`),
    totals: window.demo.totals(),
  }));
}

// untilAllUp waits until every session is up on its final transport and has
// `more` answers beyond those it has now.
async function untilAllUp(more) {
  try {
    await page.waitForFunction(
      (wanted) => {
        const sessions = window.demo?.sessions ?? [];
        window.answeredBefore ??= sessions.map((session) => session.answered);
        const final = { polling: "polling", upgraded: "websocket", websocket: "websocket" };
        return (
          sessions.length === 9 &&
          sessions.every(
            (session, i) =>
              session.state === "up" &&
              session.transport === final[session.kind] &&
              session.answered >= window.answeredBefore[i] + wanted,
          )
        );
      },
      more,
      { timeout: guard, polling: 100 },
    );
  } catch (error) {
    throw new Error(`not all sessions came up: ${JSON.stringify(await look(), null, 1)}`, { cause: error });
  } finally {
    await page.evaluate(() => delete window.answeredBefore);
  }
  const seen = await look();
  assert.equal(seen.totals.wrong, 0, "an answer came from a wrong node");
  assert.equal(seen.totals.unexplained, 0, `a session was lost though its node ran:\n${seen.events.join("\n")}`);
  await checkPicture(seen);
  return seen;
}

// checkPicture compares what the page shows with what it knows.
async function checkPicture(seen) {
  await page.waitForFunction(() => document.querySelector("[data-total=up] dd").textContent === "9 / 9");
  for (const session of seen.sessions) {
    const row = page.locator(`tr[data-session="${session.name}"]`);
    assert.equal(await row.getAttribute("data-node"), session.node, session.name);
    assert.equal(await row.getAttribute("data-state"), "up", session.name);
    assert.equal(await row.locator(".badge").textContent(), session.node, session.name);
    assert.equal(await row.locator("td.wrong").textContent(), "0", session.name);
  }
  for (const node of seen.nodes) {
    const here = seen.sessions.filter((session) => session.node === node.name);
    const card = page.locator(`.node[data-node="${node.name}"]`);
    assert.equal(await card.getAttribute("data-sessions"), String(here.length), `sessions on the card of node ${node.name}`);
    assert.equal(await card.locator(".dots li").count(), here.length, `dots on the card of node ${node.name}`);
  }
}

const sizes = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } };

// picture checks that nothing sticks out at the side and takes the screenshots.
async function picture(name) {
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= viewport.width, `${name}: the page is ${width} wide on a screen of ${viewport.width}`);
    if (!screenshots) continue;
    mkdirSync(screenshots, { recursive: true });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(screenshots, `${name}-${size}-${colorScheme}.png`), fullPage: true });
    }
  }
  await page.setViewportSize(sizes.wide);
}

// press presses a button of a node and waits until its card says so.
async function press(node, label, what, wanted) {
  await page.getByRole("button", { name: `${label} ${node}`, exact: true }).click();
  await page.waitForSelector(`.node[data-node="${node}"][data-${what}="${wanted}"]`);
}

// byUse is the names of the nodes, the one with the most sessions first.
function byUse(seen) {
  return seen.nodes
    .map((node) => node.name)
    .sort((one, other) => onNode(seen, other).length - onNode(seen, one).length);
}

function onNode(seen, node) {
  return seen.sessions.filter((session) => session.node === node);
}

// broadcast presses the button on the node of the first session, and checks that these
// sessions are told, and nobody else.
async function broadcast(seen, wanted, text) {
  await page.getByRole("button", { name: `Broadcast from node ${seen.sessions[0].node}`, exact: true }).click();
  await page.waitForSelector(`#news[data-reached="${wanted.length}"]`);
  await page.waitForFunction(() => window.demo.events.some((event) => event.text.startsWith("broadcast of ")));
  const reached = await page.evaluate(() => window.demo.reached());
  assert.deepEqual(reached.sort(), wanted.map((session) => session.name).sort(), "who got the broadcast");
  assert.match(await page.textContent("#news"), text);
  say(await page.textContent("#news"));
}

async function testAlone() {
  await open(aloneURL);
  const before = await untilAllUp(6);
  say(`all up: ${before.sessions.map((session) => `${session.name} on ${session.node}`).join(", ")}`);
  for (const session of before.sessions) {
    assert.equal(session.lost, 0, `${session.name} was lost with every node running:\n${before.events.join("\n")}`);
    if (session.kind !== "websocket") assert.match(session.tag, /^[A-Za-z0-9_-]{11}$/, `tag of ${session.name}`);
  }
  assert.ok(await page.isHidden("#proxies-section"), "one proxy has a section of its own");
  await broadcast(before, onNode(before, before.sessions[0].node), /those of node . only: there is no adapter between the nodes/);
  await picture("1-all-up");

  const [victim] = byUse(before);
  const struck = new Set(onNode(before, victim).map((session) => session.name));
  assert.ok(struck.size > 0, "no node has a session");
  await press(victim, "Stop node", "running", false);
  await picture("2-node-stopped");
  const moved = await untilAllUp(6);
  for (const session of moved.sessions) {
    assert.notEqual(session.node, victim, `${session.name} is on the stopped node`);
    assert.equal(session.lost, struck.has(session.name) ? 1 : 0, `losses of ${session.name}:\n${moved.events.join("\n")}`);
  }
  say(`node ${victim} stopped, ${struck.size} sessions moved: ${moved.events.filter((event) => event.includes("back on")).join("; ")}`);
  await picture("3-recovered");

  await press(victim, "Start node", "running", true);
  const started = await untilAllUp(6);
  assert.deepEqual(
    started.sessions.map((session) => [session.node, session.lost]),
    moved.sessions.map((session) => [session.node, session.lost]),
    "starting a node moved a session",
  );
  await page.reload();
  const again = await untilAllUp(6);
  assert.ok(onNode(again, victim).length > 0, `the restarted node ${victim} got no new session`);
  for (const session of onNode(again, victim)) {
    const known = onNode(before, victim).find((other) => other.tag)?.tag;
    if (session.tag && known) assert.equal(session.tag, known, "a node's tag is the same after a restart");
  }
  assert.equal(again.totals.lost, 0, `a session was lost with every node running:\n${again.events.join("\n")}`);
  say(`node ${victim} started, page reloaded: ${onNode(again, victim).length} sessions on it`);
  await picture("4-started-again");
}

// Five nodes, two proxies, and Redis between the nodes.
async function testCluster() {
  await open(clusterURL);
  const seen = await untilAllUp(12);
  for (const session of seen.sessions) {
    assert.equal(session.lost, 0, `${session.name} was lost with every node running:\n${seen.events.join("\n")}`);
    if (session.kind !== "polling") continue;
    for (const proxy of ["1", "2"]) assert.ok(session.requests[proxy] > 0, `requests of ${session.name} through proxy ${proxy}`);
    say(`${session.name} on ${session.node}: ${session.requests[1]} requests through proxy 1, ${session.requests[2]} through proxy 2`);
  }
  assert.equal(await page.locator(".proxy").count(), 2, "proxies on the page");
  const used = new Set(seen.sessions.map((session) => session.node)).size;
  assert.ok(used > 1, "all sessions are on one node");
  await broadcast(seen, seen.sessions, new RegExp(`reached 9 of 9 clients, on ${used} of 5 nodes, through the Redis adapter`));
  await picture("5-cluster");
  await drain(seen);
}

// drain drains the node with the most sessions: it keeps them until they leave, one by
// one, and gets no other, nor those of a page that is loaded anew.
async function drain(seen) {
  const [victim] = byUse(seen);
  const card = `.node[data-node="${victim}"]`;
  await press(victim, "Drain node", "draining", true);
  await page.waitForSelector(`${card}[data-state="draining"]`);
  await picture("6-draining");
  await page.waitForSelector(`${card}[data-state="drained"]`);
  await picture("7-drained");
  const left = await untilAllUp(3);
  assert.equal(left.totals.lost, 0, `a drain lost a session:\n${left.events.join("\n")}`);
  const moved = left.events.filter((event) => event.includes(`left node ${victim}`)).length;
  assert.equal(moved, onNode(seen, victim).length, "clients that left the draining node");
  await page.reload();
  const again = await untilAllUp(3);
  assert.deepEqual(onNode(again, victim), [], `sessions on node ${victim}, which drains`);
  say(`node ${victim} drained: ${moved} sessions left it, none was lost, none came`);

  await press(victim, "Undrain node", "draining", false);
  await page.evaluate(() => window.demo.sessions.forEach((session) => session.renew()));
  const back = await untilAllUp(3);
  assert.ok(onNode(back, victim).length > 0, `node ${victim} gets no session again`);
}

try {
  await testAlone();
  const alone = page;
  await testCluster();
  const cluster = page;

  assert.deepEqual(await context.cookies(), [], "the browser holds a cookie");
  assert.deepEqual(faults, []);

  say("waiting");
  for await (const line of createInterface({ input: process.stdin })) {
    assert.equal(line, "stopped");
    for (page of [alone, cluster]) {
      await page.waitForSelector("#notice:not([hidden])");
      assert.match(await page.textContent("#notice"), /does not answer/);
    }
    say("the pages say that the demo is gone");
    break;
  }
} finally {
  await browser.close();
}
process.exit(0);
