"use strict";

// random is a small generator (mulberry32): the same seed, the same payloads.
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// What text holds: what JSON escapes, what a form or a URL would change, what
// Engine.IO separates packets with, and characters of one to four bytes.
const alphabet = Buffer.from('plain text, "quoted" \\ + & % = \u001e \n \u2028 grüße \u{1f600} ');

function payload(next, bytes, binary) {
  if (binary) {
    const data = Buffer.alloc(bytes);
    for (let i = 0; i < bytes; i += 4) data.writeUInt32LE((next() * 2 ** 32) >>> 0, Math.min(i, Math.max(bytes - 4, 0)));
    return data;
  }
  const start = Math.floor(next() * 12); // within the part of one byte each
  const text = Buffer.alloc(bytes, alphabet.subarray(start)).toString();
  // A character cut at the end has become U+FFFD: fill up with single bytes.
  const whole = text.replace(/\ufffd+$/, "");
  return whole + ".".repeat(bytes - Buffer.byteLength(whole));
}

// payloads yields what a client sends, round by round: text and binary in
// turns, mostly small and some large, as real messages are. Among the first
// `messages` are one text and one binary of exactly maxBytes. The same client
// sends the same again.
function* payloads(client, { messages, maxBytes }) {
  const next = random(client + 1);
  const largest = client % Math.max(messages - 1, 1);
  for (let round = 0; ; round++) {
    const turn = round % Math.max(messages, 1);
    const bytes = turn === largest || turn === largest + 1 ? maxBytes : 8 + Math.floor((maxBytes - 8) * next() ** 2);
    yield payload(next, bytes, round % 2 === 1);
  }
}

module.exports = { payloads };
