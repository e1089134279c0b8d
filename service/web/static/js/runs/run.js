// One video on its way through the service: what is known of it so far, and what became of it.

import { told } from "../service/problem.js";
import { durationOf } from "./duration.js";
import { Watch } from "./watch.js";

const PENDING = ["waiting", "uploading", "classifying"];
// A longer video becomes a job, which the service does whether somebody waits for it or not.
const LONG_SECONDS = 120;
const FIELDS = ["id", "order", "name", "bytes", "sample", "options", "state", "job", "seconds", "clips", "answer", "problem"];
const CLOSED = { title: "Not finished", detail: "The page was closed before the answer was there.", id: "" };

// Tells `change` when its state is another, `progress` when there is more of the same.
export class Run extends EventTarget {
  order = 0; // in the list
  state = "waiting"; // then "uploading", "classifying", and one of "done", "stopped", "failed"
  file = null;
  share = 0; // of the upload
  seconds = 0; // of the video, as its player says
  clips = [];
  answer = null;
  problem = null;
  job = ""; // its id, if it became one
  isQueued = false; // at the service
  startedAt = 0;
  watch = new Watch();
  #stop = null;

  // `file`, or the name of a `sample`, which is fetched when it is needed. `options`: the query.
  constructor({ file = null, sample = "", options = {} }) {
    super();
    const name = file?.name ?? sample;
    Object.assign(this, { id: newId(), file, name, bytes: file?.size ?? 0, sample, options });
  }

  // One that was kept over a reload, without its video.
  static from(record) {
    const run = Object.assign(new Run({}), record);
    if (run.isPending && !run.job) Object.assign(run, { state: "stopped", problem: CLOSED });
    return run;
  }

  // What is kept: everything but the video. The answer has the clips.
  get record() {
    const record = Object.fromEntries(FIELDS.map((field) => [field, this[field]]));
    return this.answer ? { ...record, clips: [] } : record;
  }

  get isPending() {
    return PENDING.includes(this.state);
  }

  get allClips() {
    return this.answer?.clips ?? this.clips;
  }

  // Whether it can be sent again.
  get hasVideo() {
    return this.file !== null || this.sample !== "";
  }

  again() {
    Object.assign(this, { clips: [], answer: null, problem: null, share: 0, job: "" });
    this.#become("waiting");
  }

  // Settles when it has ended, however it did, or has become a job, which is followed then.
  async go(service) {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.startedAt = performance.now();
    this.#become("uploading");
    try {
      this.file ??= await service.sample(this.sample, signal);
      this.bytes = this.file.size;
      const asJob = (await durationOf(this.file)) > LONG_SECONDS;
      const answer = await service.classify(this.file, this.options, { ...this.#hooks(), signal, asJob });
      if (answer.job) {
        this.job = answer.job;
        this.follow(service);
      } else {
        this.#end(answer);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  // What the service tells of the job, from its first clip on while it is watched; also after a reload.
  async follow(service) {
    this.#stop = new AbortController();
    this.clips = [];
    this.startedAt = performance.now();
    this.#become("classifying");
    try {
      this.#end(await service.follow(this.job, { ...this.#hooks(), watch: this.watch, signal: this.#stop.signal }));
    } catch (error) {
      this.#fail(error);
      if (this.state === "stopped") service.forget(this.job);
    }
  }

  #end(answer) {
    this.answer = answer;
    this.#become("done");
  }

  #fail(error) {
    this.problem = error.name === "AbortError" ? null : told(error);
    this.#become(this.problem ? "failed" : "stopped");
  }

  cancel() {
    if (this.state === "waiting") this.#become("stopped");
    else this.#stop?.abort();
  }

  // The video of one that was kept over a reload.
  attach(file) {
    this.file = file;
    this.dispatchEvent(new Event("change"));
  }

  #hooks() {
    const progress = () => this.dispatchEvent(new Event("progress"));
    return {
      onUpload: (share) => {
        this.share = share;
        progress();
      },
      onUploaded: () => {
        this.startedAt = performance.now();
        this.#become("classifying");
      },
      onJob: ({ status }) => {
        if (this.isQueued === (status === "queued")) return;
        this.isQueued = !this.isQueued;
        this.#become(this.state);
      },
      onClip: (clip) => {
        // A job that is followed anew tells them all again.
        if (clip.index < this.clips.length) return;
        this.clips.push(clip);
        progress();
      },
    };
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

// Not `crypto.randomUUID`, which is there over HTTPS only.
function newId() {
  return [...crypto.getRandomValues(new Uint32Array(3))].map((part) => part.toString(36)).join("");
}
