// A timeline with its buttons, its legend and what can be done with a chosen part.

import { byId } from "../dom.js";
import { Timeline } from "../timeline/timeline.js";
import { clock } from "../words.js";
import { Legend } from "./legend.js";

export class TimelineBox {
  #box;
  #range = null;
  #on;

  // `on`: as the timeline's, and `only(labels)` and `classify([start, end])`.
  constructor(place, on) {
    place.append(byId("timeline-template").content.cloneNode(true));
    this.#box = place.lastElementChild;
    this.#on = on;
    const find = (selector) => this.#box.querySelector(selector);
    const parts = {
      box: find(".lanes"),
      still: find(".lanes .still"),
      moving: find(".lanes .moving"),
      overviewStill: find(".overview .still"),
      overviewMoving: find(".overview .moving"),
      tip: find(".tip"),
    };
    this.timeline = new Timeline(parts, { ...on, range: (range) => this.setRange(range) });
    this.legend = new Legend(find(".legend"), (labels) => {
      this.timeline.only = labels;
      on.only(labels);
    });
    this.#listen();
  }

  #listen() {
    const { timeline } = this;
    const zooms = { in: timeline.zoomIn, out: timeline.zoomOut, all: timeline.showAll };
    const ranges = {
      zoom: () => timeline.show(...this.#range),
      classify: () => this.#on.classify(this.#range),
      clear: () => this.setRange(null),
    };
    for (const [name, action] of Object.entries(zooms)) this.#onClick(`[data-zoom=${name}]`, action);
    for (const [name, action] of Object.entries(ranges)) this.#onClick(`[data-range=${name}]`, action);
  }

  #onClick(selector, action) {
    this.#box.querySelector(selector).addEventListener("click", action);
  }

  // Whether a part is chosen.
  get hasRange() {
    return this.#range !== null;
  }

  setRange(range) {
    if (!range && !this.#range) return;
    this.#range = range;
    this.timeline.setRange(range);
    this.#box.querySelector(".range").hidden = !range;
    if (range) this.#box.querySelector(".range span").textContent = `Chosen: ${clock(range[0])} – ${clock(range[1])}`;
    this.#on.range(range);
  }

  clear() {
    this.timeline.clear();
    this.timeline.only = null;
    this.legend.clear();
    this.setRange(null);
  }
}
