// All of the video as a strip, and the part of it that the timeline shows as a window in it, to be dragged.

import { drawClips, drawSegments } from "./draw.js";
import { Scale } from "./scale.js";
import { Surface } from "./surface.js";

const EDGE_PIXELS = 8;

export class Overview {
  #canvas;
  #still;
  #moving;
  #whole = new Scale();
  #view;
  #onMove;
  #grip = null;

  // `view`: the timeline's scale. `onMove` is called when it was changed here.
  constructor({ still, moving }, view, onMove) {
    const canvas = moving;
    this.#canvas = canvas;
    this.#still = new Surface(still);
    this.#moving = new Surface(moving);
    this.#view = view;
    this.#onMove = onMove;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#drag(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { this.#grip = null; });
  }

  // What changes with the video only.
  drawStill({ clips, segments }, style) {
    const context = this.#still.clear();
    const lane = { y: 4, height: this.#canvas.clientHeight - 8 };
    this.#whole.width = this.#still.width;
    this.#whole.setTotal(this.#view.total);
    if (segments.length) drawSegments(context, segments, this.#whole, lane, { ...style, named: false });
    else drawClips(context, clips, this.#whole, lane, { ...style, threshold: 0 });
  }

  drawMoving(playhead, theme) {
    const context = this.#moving.clear();
    const height = this.#canvas.clientHeight;
    const [left, right] = this.#window();
    context.fillStyle = theme.card;
    context.globalAlpha = 0.65;
    context.fillRect(0, 0, left, height);
    context.fillRect(right, 0, this.#whole.width - right, height);
    context.globalAlpha = 1;
    context.strokeStyle = theme.accent;
    context.lineWidth = 2;
    context.strokeRect(left + 1, 1, Math.max(4, right - left - 2), height - 2);
    context.fillStyle = theme.ink;
    if (playhead !== null) context.fillRect(Math.round(this.#whole.x(playhead)) - 1, 0, 2, height);
  }

  #window() {
    return [this.#whole.x(this.#view.start), this.#whole.x(this.#view.end)];
  }

  // By an edge it is made longer or shorter; elsewhere it is moved, to the pointer first if that is outside.
  #begin(event) {
    const [left, right] = this.#window();
    const seconds = this.#whole.seconds(event.offsetX);
    this.#canvas.setPointerCapture(event.pointerId);
    if (!this.#view.isWhole && Math.abs(event.offsetX - left) < EDGE_PIXELS) this.#grip = "start";
    else if (!this.#view.isWhole && Math.abs(event.offsetX - right) < EDGE_PIXELS) this.#grip = "end";
    else {
      const inside = event.offsetX > left && event.offsetX < right;
      this.#grip = { offset: inside ? seconds - this.#view.start : this.#view.span / 2 };
      this.#drag(event);
    }
  }

  #drag(event) {
    if (this.#grip === null) return;
    const seconds = this.#whole.seconds(event.offsetX);
    const { start, end, span } = this.#view;
    if (this.#grip === "start") this.#view.show(Math.min(seconds, end - 0.5), end);
    else if (this.#grip === "end") this.#view.show(start, Math.max(seconds, start + 0.5));
    else this.#view.show(seconds - this.#grip.offset, seconds - this.#grip.offset + span);
    this.#onMove();
  }
}
