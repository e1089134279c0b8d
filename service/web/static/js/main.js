// The page: its parts, and how they hear of each other.

import { byId } from "./dom.js";
import { Queue } from "./runs/queue.js";
import { openStore } from "./runs/store.js";
import { Key } from "./service/key.js";
import { Service } from "./service/service.js";
import { acceptFiles } from "./views/drop.js";
import { showExample } from "./views/example.js";
import { askKey } from "./views/key_dialog.js";
import { showModel } from "./views/model.js";
import { Options } from "./views/options.js";
import { VideoList } from "./views/video_list.js";
import { Work } from "./views/work.js";

class Page {
  constructor(service, store) {
    this.queue = new Queue(service, store);
    this.options = new Options(() => this.#again());
    this.work = new Work(service, {
      range: (range) => { this.options.range = range; },
      classify: () => this.#again(),
    });
    this.list = new VideoList({
      open: (run) => this.#open(run),
      remove: (run) => this.#remove(run),
      clear: () => this.queue.runs.forEach((run) => this.#remove(run)),
    });
    this.queue.addEventListener("change", () => this.#draw());
    this.#listen();
  }

  #listen() {
    acceptFiles((files) => this.#chosen(files));
    for (const button of document.querySelectorAll("[data-sample]")) {
      button.addEventListener("click", () => this.#add({ sample: button.dataset.sample }));
    }
    byId("another").addEventListener("click", () => byId("file").click());
    byId("cancel").addEventListener("click", () => this.work.run.cancel());
    byId("retry").addEventListener("click", () => this.queue.retry(this.work.run));
    byId("attach").addEventListener("click", () => byId("file").click());
    addEventListener("keydown", (event) => event.key === "Escape" && this.#escape(event));
  }

  // A file with the name of the open video that lost its own is that; the others are added.
  #chosen(files) {
    const lost = this.work.run;
    const own = lost && !lost.hasVideo && files.find(({ name, size }) => name === lost.name && size === lost.bytes);
    if (own) {
      this.work.attach(own);
      if (lost.state !== "done") this.queue.retry(lost);
    }
    for (const file of files) if (file !== own) this.#add({ file });
  }

  // The first is shown at once; while one runs, the others wait in the list.
  #add(what) {
    if (!this.options.check()) return;
    const run = this.queue.add({ ...what, options: this.options.query });
    if (this.queue.running === run || !this.work.run) this.#open(run);
  }

  // The open video with the options of now.
  #again() {
    const { file, sample } = this.work.run;
    const run = this.queue.add({ file, sample, options: this.options.query });
    this.#open(run);
  }

  #open(run) {
    this.work.open(run);
    this.#draw();
  }

  #remove(run) {
    this.queue.remove(run);
    if (this.work.run !== run) return;
    const next = this.queue.runs.at(-1);
    if (next) this.#open(next);
    else this.#close();
  }

  #close() {
    this.work.close();
    this.#draw();
    byId("file").focus();
  }

  // Lets go of what is chosen, else of what runs. In a field and in a question the key has a meaning of its own.
  #escape(event) {
    if (document.querySelector("dialog[open]") || event.target.matches?.("input:not([type=file]), select")) return;
    if (this.work.box.hasRange) this.work.box.setRange(null);
    else this.queue.running?.cancel();
  }

  #draw() {
    const { run } = this.work;
    byId("work").hidden = !run;
    byId("names-box").open &&= !run || byId("main").dataset.view === "work";
    byId("main").dataset.view = run ? "work" : "start";
    this.options.canRepeat = Boolean(run?.hasVideo);
    this.list.draw(this.queue.runs, run);
  }

  async start() {
    await this.queue.restore();
    const last = this.queue.runs.at(-1);
    if (last) this.#open(last);
  }
}

const service = new Service(new Key(askKey));
showModel(service);
showExample();
openStore().then((store) => new Page(service, store).start());
