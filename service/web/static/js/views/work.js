// The open video: one run at a time, drawn as it changes, with player and timeline in step.

import { byId, oncePerFrame } from "../dom.js";
import { Player } from "../player.js";
import { segmentsOf } from "../runs/segments.js";
import { labelsIn, strongestClip } from "../runs/summary.js";
import { indexAt } from "../timeline/marks.js";
import { drawClip, drawVotes } from "./panel.js";
import { SegmentsTable } from "./segments_table.js";
import { TakeAway } from "./take_away.js";
import { TimelineBox } from "./timeline_box.js";
import { drawProblem, drawProgress, drawVerdict } from "./verdict.js";

export class Work {
  run = null;
  #service;
  #listening = new AbortController();
  #segments = [];
  #threshold = 0;
  #selected = -1;
  #chosen = false; // by the user; until then the newest clip is shown, and at the end the strongest
  #takeAway = new TakeAway();
  #drawProgress = oncePerFrame(() => this.run && this.#progress());

  // `on`: { range([start, end] or null), classify(run, [start, end]) }.
  constructor(service, on) {
    this.#service = service;
    this.player = new Player(byId("player"), {
      time: (seconds, plays) => this.#follow(seconds, plays),
      duration: (seconds) => {
        this.run.seconds = seconds;
        this.#drawProgress();
      },
      unplayable: () => this.#unplayable(),
    });
    this.box = new TimelineBox(byId("times"), {
      select: (index) => this.#choose(index),
      play: (item) => this.#play(item),
      seek: (seconds) => this.player.seek(seconds),
      range: on.range,
      only: () => this.#table(),
      classify: (range) => on.classify(this.run, range),
    });
    this.table = new SegmentsTable((segment) => this.#play(segment));
  }

  // Nothing of the former video is left.
  open(run) {
    this.#listening.abort();
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    this.#watch(run);
    run.addEventListener("change", () => this.#changed(), { signal });
    run.addEventListener("progress", this.#drawProgress, { signal });
    this.#takeAway.close();
    this.#reset();
    this.#load(run.file);
    byId("work-title").textContent = run.name;
    this.#changed();
  }

  close() {
    this.#listening.abort();
    this.#watch(null);
    this.#reset();
    this.player.load(null);
    this.box.timeline.pictures.source = null;
  }

  #watch(run) {
    if (run !== this.run) this.run?.watch.turn(false);
    run?.watch.turn(true);
    this.run = run;
  }

  // The video of a run that has none.
  attach(file) {
    this.run.attach(file);
    this.#load(file);
  }

  #reset() {
    this.#segments = [];
    this.#chosen = false;
    this.box.clear();
    this.#show(-1);
  }

  #load(file) {
    byId("unplayable").hidden = true;
    byId("missing").hidden = file !== null || this.run.isPending || this.run.sample !== "";
    byId("player").hidden = !byId("missing").hidden;
    this.player.load(file);
    this.box.timeline.pictures.source = this.player.url;
  }

  #unplayable() {
    byId("player").hidden = true;
    byId("unplayable").hidden = false;
  }

  // Another state: everything that depends on it.
  #changed() {
    const { run } = this;
    const focused = document.activeElement;
    // A sample's file is there once it is fetched; a retry begins with nothing.
    if (run.file && !this.player.url && run.file.size) this.#load(run.file);
    if (run.isPending && !run.clips.length) this.#reset();
    byId("work").dataset.shows = run.isPending || run.allClips.length ? "clips" : "problem";
    byId("cancel").hidden = !run.isPending;
    byId("retry").hidden = run.isPending || run.state === "done" || !run.hasVideo;
    // Whoever was on a button that is gone goes on from what has taken its place.
    if (focused?.hidden) byId(byId("retry").hidden ? "work-title" : "retry").focus();
    drawProblem(run);
    drawVerdict(run.answer);
    this.#takeAway.draw(run, this.#service.isLocked);
    this.#progress();
    if (run.answer && !this.#chosen) this.#showStrongest();
  }

  // More of the same.
  #progress() {
    const { run } = this;
    const clips = run.allClips;
    this.#threshold = run.answer?.sampling.threshold ?? Number(run.options.threshold ?? 0);
    this.#segments = run.answer?.segments ?? segmentsOf(clips, this.#threshold);
    const total = Math.max(run.seconds, run.answer?.video.duration_seconds ?? 0, clips.at(-1)?.end_seconds ?? 0);
    drawProgress(run);
    drawVotes(clips);
    this.box.timeline.data = { clips, segments: this.#segments, total, threshold: this.#threshold };
    this.box.legend.draw(labelsIn(this.#segments.length ? this.#segments : clips));
    this.#table();
    if (!run.answer && !this.#chosen) this.#show(clips.length - 1);
  }

  #table() {
    this.table.draw(this.#segments, this.box.legend.only, { done: this.run?.state === "done", threshold: this.#threshold });
  }

  #showStrongest() {
    const index = strongestClip(this.run.answer);
    this.#show(index);
    this.player.seek(this.run.allClips[index].start_seconds);
  }

  #show(index) {
    this.#selected = index;
    this.box.timeline.select(index);
    drawClip(this.run?.allClips[index]);
  }

  #choose(index) {
    this.#chosen = true;
    this.#selected = index;
    drawClip(this.run.allClips[index]);
  }

  #play(item) {
    this.#chosen = true;
    this.player.play(item.start_seconds, item.end_seconds);
  }

  // The player's moment: its clip is shown while it plays.
  #follow(seconds, plays) {
    this.box.timeline.setPlayhead(seconds, plays);
    this.table.follow(seconds);
    if (!plays) return;
    this.#chosen = true;
    const index = indexAt(this.run.allClips, seconds);
    if (index >= 0 && index !== this.#selected) this.#show(index);
  }
}
