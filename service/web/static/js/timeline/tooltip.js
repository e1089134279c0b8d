// What is under the pointer, said beside it.

import { css } from "../colours.js";
import { make } from "../dom.js";
import { clock, percent } from "../words.js";

const MARGIN = 12;

export class Tooltip {
  #box;

  constructor(box) {
    this.#box = box;
  }

  hide() {
    this.#box.hidden = true;
  }

  // `x` and `width`: the pointer's place and the timeline's width.
  show(x, width, { clip, segment, seconds }) {
    this.#box.replaceChildren(...this.#lines(clip, segment, seconds));
    this.#box.hidden = false;
    const room = width - this.#box.offsetWidth - MARGIN;
    this.#box.style.left = `${x + MARGIN > room ? Math.max(0, x - this.#box.offsetWidth - MARGIN) : x + MARGIN}px`;
  }

  #lines(clip, segment, seconds) {
    const lines = [make("b", {}, clock(seconds))];
    if (segment) {
      const span = `${clock(segment.start_seconds)} – ${clock(segment.end_seconds)}`;
      lines.push(labelled(segment.label, `${percent(segment.confidence)}, ${span}`));
    }
    if (clip) {
      lines.push(make("span", { className: "quiet" }, `Clip ${clip.index + 1}`));
      const likely = clip.top.slice(0, 3).filter(({ probability }) => percent(probability) !== "0%");
      lines.push(...likely.map(({ label, probability }) => labelled(label, percent(probability))));
    }
    return lines;
  }
}

function labelled(label, text) {
  const swatch = make("i", { className: "swatch" });
  swatch.style.background = css(label);
  return make("span", {}, swatch, make("em", {}, label), ` ${text}`);
}
