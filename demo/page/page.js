// The page: opens the sessions and draws what they and the nodes do.

import { nodes, refresh } from "./cluster.js";
import { setData, setText } from "./dom.js";
import { leaveDraining } from "./drains.js";
import { drawHeader } from "./header.js";
import { events, log } from "./log.js";
import { drawNews, heard, reached } from "./news.js";
import { drawNodes } from "./nodes.js";
import { drawProxies, watchRequests } from "./proxies.js";
import { kinds, Session } from "./session.js";
import { drawSessions } from "./table.js";

// A browser opens six HTTP/1.1 connections to a host and every held poll takes
// one, so three polling sessions leave three for everything else.
const each = 3;
const openEvery = 120; // milliseconds between two sessions
const drawEvery = 250;
const refreshEvery = 1000;
const explainAfter = 300;

// In this order each kind spreads over the nodes, as far as they are balanced.
const sessions = Object.keys(kinds).flatMap((kind) =>
  Array.from({ length: each }, (_, i) => new Session(kind, i + 1, logSession, heard)),
);

// Losses while the session's own node ran. There should be none.
let unexplained = 0;

function logSession(tone, text, lostSession) {
  log(tone, text);
  if (lostSession) explain(lostSession.node);
  draw();
}

// explain finds out whether a session was lost because its node is stopped. The
// demo may learn of a killed node a little later than the session does.
async function explain(name) {
  const node = nodes.find((candidate) => candidate.name === name);
  if (node?.busy) return;
  await new Promise((resolve) => setTimeout(resolve, explainAfter));
  try {
    await refresh();
  } catch {
    return; // The demo itself is gone.
  }
  if (!node?.running || node.busy) return;
  unexplained += 1;
  log("bad", `node ${name} was running all the while`);
}

// Cookies of other programs on this host were there before; one of this demo would be new.
const cookieNames = () => document.cookie.split("; ").filter(Boolean).map((cookie) => cookie.split("=", 1)[0]);
const cookiesBefore = new Set(cookieNames());

function totals() {
  const sum = (value) => sessions.reduce((total, session) => total + value(session), 0);
  return {
    sessions: sessions.length,
    up: sum((session) => (session.state === "up" ? 1 : 0)),
    rate: sum((session) => session.rate()),
    answered: sum((session) => session.answered),
    wrong: sum((session) => session.wrong),
    lost: sum((session) => session.lost),
    unexplained,
    cookies: cookieNames().filter((name) => !cookiesBefore.has(name)).length,
  };
}

function drawTotal(name, value, remark, tone) {
  const tile = document.querySelector(`[data-total=${name}]`);
  setText(tile.children[1], value);
  setText(tile.children[2], remark);
  setData(tile, { tone });
}

function draw() {
  const now = totals();
  const used = new Set(sessions.filter((session) => session.state === "up").map((session) => session.node)).size;
  const waiting = now.sessions - now.up;
  drawTotal(
    "up",
    `${now.up} / ${now.sessions}`,
    waiting ? `${waiting} connecting` : `on ${used} of ${nodes.length} nodes`,
    waiting ? "warn" : "good",
  );
  drawTotal("rate", Math.round(now.rate), `${now.answered.toLocaleString("en")} answered`, "");
  drawTotal("wrong", now.wrong, now.wrong ? "affinity is broken" : "every answer from its own node", now.wrong ? "bad" : "good");
  const lostRemark = unexplained ? `${unexplained} while the node ran` : now.lost ? "all with a stopped node" : "none";
  drawTotal("lost", now.lost, lostRemark, unexplained ? "bad" : now.lost ? "" : "good");
  const cookieRemark = cookiesBefore.size ? "none new since the page opened" : "document.cookie is empty";
  drawTotal("cookies", now.cookies, now.cookies ? "one was set" : cookieRemark, now.cookies ? "bad" : "good");
  drawHeader();
  drawProxies();
  drawNodes(sessions);
  drawNews(sessions);
  drawSessions(sessions);
}

const notice = document.getElementById("notice");

function notify(text) {
  setText(notice, text);
  notice.hidden = text === "";
}

let lastSecond = performance.now();

function passTime() {
  // A page in the background runs its timers late, so count, do not assume.
  while (performance.now() - lastSecond >= 1000) {
    lastSecond += 1000;
    for (const session of sessions) session.passSecond();
  }
  draw();
}

async function watchNodes() {
  try {
    await refresh();
    notify("");
  } catch {
    notify("The demo does not answer. Start it again with “make demo”; the sessions come back by themselves.");
  }
  setTimeout(watchNodes, refreshEvery);
}

async function start() {
  await watchNodes();
  watchRequests(sessions);
  draw();
  sessions.forEach((session, i) => setTimeout(() => session.open(), i * openEvery));
  setInterval(passTime, drawEvery);
  leaveDraining(sessions);
}

window.demo = { sessions, nodes, events, totals, reached };

// The connections are shared by all tabs of a browser, so the sessions of two
// tabs would starve each other: the second waits for the first to close.
notify("This page is open in another tab. The sessions start here when that one is closed.");
navigator.locks.request("affinity-demo-sessions", async () => {
  notify("");
  await start();
  await new Promise(() => {});
});
