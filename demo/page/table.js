// The table of sessions, a row each, with a bar for every second.

import { colour } from "./cluster.js";
import { el, setData, setText, svg } from "./dom.js";
import { via, viaTitle } from "./proxies.js";
import { duration, kinds, seconds } from "./session.js";

const table = document.getElementById("sessions");
const rows = new Map();
const height = 22; // of a chart, in its own units; a bar is 1 wide and 0.3 apart
const fullRate = 5; // messages in a second that fill the height

export function drawSessions(sessions) {
  for (const session of sessions) {
    if (!rows.has(session)) rows.set(session, makeRow(session));
    drawRow(rows.get(session), session);
  }
}

function makeRow(session) {
  let group = table.querySelector(`tbody[data-kind=${session.kind}]`);
  if (!group) {
    group = el("tbody", { role: "rowgroup", "data-kind": session.kind });
    table.append(group);
  }
  const cell = (name, label, ...children) =>
    el("td", { role: "cell", class: name, "data-label": label }, ...children);
  const row = {
    badge: el("span", { class: "badge" }),
    move: el("span", { class: "move" }),
    transport: el("span"),
    upgrade: el("span", { class: "remark" }),
    tag: el("code"),
    via: cell("via", "Via proxy"),
    rate: cell("number", "Msg/s"),
    answered: cell("number", "Answered"),
    wrong: cell("number wrong", "Wrong node"),
    lost: cell("number lost", "Lost"),
    bars: Array.from({ length: seconds }, (_, i) => svg("rect", { x: i * 1.3, width: 1, y: height, height: 0 })),
  };
  const chart = svg("svg", { viewBox: `0 0 ${seconds * 1.3} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  chart.append(...row.bars);
  row.root = el(
    "tr",
    { role: "row", "data-session": session.name, "data-kind": session.kind },
    el("th", { role: "rowheader", scope: "row", title: kinds[session.kind].title }, session.name),
    cell("where", "Node", row.badge, row.move),
    cell("transport", "Transport", row.transport, row.upgrade),
    cell("tag", "Tag in the sid", row.tag),
    row.via,
    row.rate,
    row.answered,
    row.wrong,
    row.lost,
    cell("chart", "Last 60 seconds", chart),
  );
  group.append(row.root);
  return row;
}

function drawRow(row, session) {
  const up = session.state === "up";
  setData(row.root, {
    state: session.state,
    node: session.node,
    transport: session.transport,
    answered: session.answered,
    wrong: session.wrong,
    lost: session.lost,
    colour: colour(session.node),
  });
  setText(row.badge, up ? session.node : "–");
  setText(row.move, moveText(session));
  setText(row.transport, up ? { polling: "polling", websocket: "WebSocket" }[session.transport] : "");
  setText(row.upgrade, up && session.upgradeTime !== null ? `upgraded in ${duration(session.upgradeTime)}` : "");
  const unbound = session.kind === "websocket" ? "not needed" : "";
  setText(row.tag, (up && (session.tag || unbound)) || "");
  setData(row.tag, { bound: session.tag !== "" });
  setText(row.via, viaText(session));
  setData(row.via, { label: viaTitle() });
  setText(row.rate, session.rate().toFixed(1));
  setText(row.answered, session.answered.toLocaleString("en"));
  setText(row.wrong, session.wrong);
  setText(row.lost, session.lost);
  drawBars(row, session);
}

function moveText(session) {
  if (session.state === "connecting") return "connecting";
  if (session.state === "lost") return `lost ${session.node}, reconnecting`;
  return session.move ? `${session.move.from} → ${session.move.to} in ${duration(session.move.time)}` : "";
}

function viaText(session) {
  if (session.state !== "up") return "";
  return session.kind === "websocket" ? "one connection" : via(session).join(" · ");
}

function drawBars(row, session) {
  const missing = seconds - session.history.length;
  row.bars.forEach((bar, i) => {
    const second = session.history[i - missing];
    if (!second) return;
    const size = second.node ? Math.max(Math.min(second.count / fullRate, 1) * height, 1.5) : 1.5;
    bar.setAttribute("y", height - size);
    bar.setAttribute("height", size);
    setData(bar, { colour: second.node ? colour(second.node) : "none" });
  });
}
