"use strict";

const { settings, result } = require("./settings.js");

// Commands reads the lines, events of an emitter, of the program which started the
// clients.
class Commands {
  steps = []; // in the order of their lines
  finished = false;
  finish = undefined;
  finishing = new Promise((resolve) => (this.finish = resolve));
  done = 0; // clients that have done the last step
  reported = 0; // steps that all clients have done
  clients = settings.count; // that have not failed
  waiting = [];
  rounds = 0; // that clients are at, in mode "continuous"
  resumed = undefined; // while they pause: a promise

  constructor(lines) {
    lines.on("line", (line) => this.receive(line));
  }

  receive(line) {
    if (line === "finish") {
      this.finished = true;
      this.finish();
    } else if (line === "pause") {
      this.resumed = new Promise((resume) => (this.resume = resume));
      this.reportPause();
    } else if (line === "resume") {
      this.resumed = undefined;
      this.resume();
    } else {
      this.steps.push(line);
      this.done = 0;
    }
    for (const wake of this.waiting.splice(0)) wake();
    this.report();
  }

  // Waits for a step, and returns its name, or for the end: then it returns
  // nothing.
  async until(step) {
    while (this.steps.length < step && !this.finished) await new Promise((wake) => this.waiting.push(wake));
    return this.steps[step - 1];
  }

  // Has a client do a round, unless all of them pause.
  async doRound(round) {
    while (this.resumed) await this.resumed; // there may be another pause by now
    this.rounds++;
    try {
      await round();
    } finally {
      this.rounds--;
      this.reportPause();
    }
  }

  reportPause() {
    if (this.resumed && this.rounds === 0) console.log(JSON.stringify({ done: "pause", result }));
  }

  stepDone() {
    this.done++;
    this.report();
  }

  clientFailed() {
    this.clients--;
    this.report();
  }

  report() {
    if (settings.mode !== "commands" || this.finished || this.steps.length === this.reported) return;
    if (this.done < this.clients) return;
    this.reported = this.steps.length;
    console.log(JSON.stringify({ done: this.steps.at(-1), result }));
  }
}

module.exports = { Commands };
