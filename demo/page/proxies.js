// The proxies, if there are several: how many of the page's requests went through
// each. Every proxy says its name in the header Server-Timing, which a page can read
// of its own requests. A WebSocket has no such entry.

import { proxies } from "./cluster.js";
import { el, setText } from "./dom.js";
import { openText } from "./nodes.js";

const section = document.getElementById("proxies-section");
const place = document.getElementById("proxies");
const head = document.getElementById("via-title");
const requests = new Map(); // by the proxy's name
const cards = new Map();

// watchRequests counts the requests of the sessions from now on.
export function watchRequests(sessions) {
  new PerformanceObserver((list) => {
    for (const { name, serverTiming } of list.getEntries()) {
      const proxy = serverTiming?.find((metric) => metric.name === "proxy")?.description;
      if (!proxy) continue;
      count(requests, proxy);
      const sid = new URL(name).searchParams.get("sid");
      const session = sid && sessions.find((one) => one.sid === sid);
      if (session) count(session.requests, proxy);
    }
    performance.clearResourceTimings(); // The browser keeps 250 and then no more.
  }).observe({ type: "resource", buffered: true });
}

function count(counts, proxy) {
  counts.set(proxy, (counts.get(proxy) ?? 0) + 1);
}

// via is how many requests of a session went through each proxy, in their order.
export function via(session) {
  return proxies.map(({ name }) => session.requests.get(name) ?? 0);
}

export function viaTitle() {
  return `Via proxy 1 ${proxies.length > 2 ? "–" : "·"} ${proxies.length}`;
}

export function drawProxies() {
  if (proxies.length < 2) return;
  section.hidden = false;
  document.body.dataset.proxies = "several";
  setText(head, viaTitle());
  for (const proxy of proxies) {
    if (!cards.has(proxy.name)) cards.set(proxy.name, makeCard(proxy));
    const sum = requests.get(proxy.name) ?? 0;
    setText(cards.get(proxy.name).counts, `${sum.toLocaleString("en")} requests; ${openText(proxy)} open`);
  }
}

function makeCard({ name, address }) {
  const card = { counts: el("span", { class: "count" }) };
  place.append(
    el(
      "li",
      { class: "proxy", "data-proxy": name },
      el("h3", {}, el("span", { class: "badge" }, name), `Proxy ${name}`),
      el("code", {}, address),
      card.counts,
    ),
  );
  return card;
}
