// The videos of the list, in order; one at a time is sent.

import { Run } from "./run.js";

// Tells `change` when the list is another, or the state of one in it.
export class Queue extends EventTarget {
  runs = [];
  running = null;
  #service;
  #store;

  constructor(service, store) {
    super();
    this.#service = service;
    this.#store = store;
  }

  // Those that were kept over a reload; jobs have gone on meanwhile.
  async restore() {
    for (const record of await this.#store.all()) this.#take(Run.from(record), record.order);
    for (const run of this.runs) if (run.isPending) run.follow(this.#service);
    this.#changed();
  }

  // A sample that is on its way already is not sent twice.
  add(what) {
    const same = what.sample && this.runs.find((run) => run.isPending && run.sample === what.sample);
    if (same) return same;
    const run = new Run(what);
    this.#take(run);
    this.#store.put(run.record);
    this.#advance();
    return run;
  }

  retry(run) {
    if (run.isPending || !run.hasVideo) return;
    run.again();
    this.#advance();
  }

  remove(run) {
    if (run.isPending) run.cancel();
    this.runs = this.runs.filter((each) => each !== run);
    this.#store.remove(run.id);
    this.#changed();
  }

  #take(run, order = (this.runs.at(-1)?.order ?? 0) + 1) {
    run.order = order;
    this.runs.push(run);
    run.addEventListener("change", () => {
      if (this.runs.includes(run)) this.#store.put(run.record);
      this.#changed();
    });
  }

  async #advance() {
    const next = this.running ? undefined : this.runs.find((run) => run.state === "waiting");
    if (!next) return this.#changed();
    this.running = next;
    await next.go(this.#service);
    this.running = null;
    return this.#advance();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
