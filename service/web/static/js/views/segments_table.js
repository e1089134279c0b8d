// The segments as a table: the timeline for whoever does not see it.

import { css } from "../colours.js";
import { byId, make } from "../dom.js";
import { clock, percent } from "../words.js";

export class SegmentsTable {
  #onPlay;
  #rows = [];

  // `onPlay(segment)`.
  constructor(onPlay) {
    this.#onPlay = onPlay;
  }

  // `only`: labels, or null for all. `threshold` explains why there may be none.
  draw(segments, only, { done, threshold }) {
    const shown = segments.filter(({ label }) => !only || only.has(label));
    this.#rows.splice(shown.length).forEach(({ row }) => row.remove());
    shown.forEach((segment, index) => this.#put(segment, index));
    const none = byId("no-segments");
    none.hidden = shown.length > 0 || !done;
    none.textContent = `No clip is as sure as ${percent(threshold)}, so there is no segment. A lower value for “Sure from” shows more.`;
    byId("segments").querySelector(".scroll").hidden = !shown.length;
  }

  // Marks the row of a moment.
  follow(seconds) {
    for (const { segment, row } of this.#rows) {
      row.classList.toggle("now", seconds >= segment.start_seconds && seconds < segment.end_seconds);
    }
  }

  // Rows of thousands of segments stay as they are while the last one grows.
  #put(segment, index) {
    const key = JSON.stringify(segment);
    const before = this.#rows[index];
    if (before?.key === key) return;
    const row = this.#row(segment);
    if (before) before.row.replaceWith(row);
    else byId("rows").append(row);
    this.#rows[index] = { segment, row, key };
  }

  #row(segment) {
    const swatch = make("i", { className: "swatch" });
    swatch.style.background = css(segment.label);
    const title = `Play ${segment.label} from ${clock(segment.start_seconds)}`;
    const play = make("button", { type: "button", className: "link", title }, swatch, segment.label);
    play.addEventListener("click", () => this.#onPlay(segment));
    const cells = [
      clock(segment.start_seconds),
      clock(segment.end_seconds),
      String(segment.clips),
      percent(segment.confidence),
    ];
    return make("tr", {}, make("td", {}, play), ...cells.map((text) => make("td", {}, text)));
  }
}
