"use strict";

const readline = require("node:readline");
const { crowd, result } = require("./crowd.js");

// Told is what the program that started the crowd says on standard input.
class Told {
  steps = []; // asked for, by name
  finished = false;
  finish = undefined;
  finishing = new Promise((resolve) => (this.finish = resolve));
  done = 0; // clients that have finished the last step
  reported = 0; // steps that all have finished
  listeners = crowd.clients;
  waiting = [];

  constructor() {
    readline
      .createInterface({ input: process.stdin })
      .on("line", (line) => this.hear(line))
      .on("close", () => process.exit(0));
  }

  hear(line) {
    if (line === "finish") {
      this.finished = true;
      this.finish();
    } else {
      this.steps.push(line);
      this.done = 0;
    }
    for (const wake of this.waiting.splice(0)) wake();
    this.report();
  }

  // Waits for a step to be asked for, or for the end: then there is none.
  async until(step) {
    while (this.steps.length < step && !this.finished) await new Promise((wake) => this.waiting.push(wake));
    return this.steps[step - 1];
  }

  stepDone() {
    this.done++;
    this.report();
  }

  gone() {
    this.listeners--;
    this.report();
  }

  report() {
    if (crowd.hold !== "listen" || this.finished || this.steps.length === this.reported) return;
    if (this.done < this.listeners) return;
    this.reported = this.steps.length;
    console.log(JSON.stringify({ done: this.steps.at(-1), result }));
  }
}

module.exports = { Told };
