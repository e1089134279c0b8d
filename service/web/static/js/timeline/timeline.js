// A video's segments and clips along its time. A list of options to assistive technology: one clip is chosen at a time.

import { make, oncePerFrame } from "../dom.js";
import { clock, percent } from "../words.js";
import { Gestures } from "./gestures.js";
import { keysOf } from "./keys.js";
import { indexAt } from "./marks.js";
import { Pictures } from "./pictures.js";
import { Renderer } from "./renderer.js";
import { Scale } from "./scale.js";
import { Tooltip } from "./tooltip.js";

const NOTHING = { clips: [], segments: [], total: 0, threshold: 0 };
const ZOOM = 1.5;

export class Timeline {
  #scale = new Scale();
  #data = NOTHING;
  #selected = -1;
  #only = null;
  #range = null;
  #playhead = null;
  #pointer = null;
  #renderer;
  #parts;
  #on;
  #drawStill = oncePerFrame(() => this.#renderer.drawStill(this.#state));
  #drawMoving = oncePerFrame(() => this.#renderer.drawMoving(this.#state));

  // `parts`: the elements `box`, `tip` and those of the renderer.
  // `on`: { select(index), play(item), seek(seconds), range([start, end] or null) }.
  constructor(parts, on) {
    this.#parts = parts;
    this.#on = on;
    this.pictures = new Pictures(() => this.#drawStill());
    this.#renderer = new Renderer(parts, this.#scale, this.pictures, () => this.#drawStill());
    this.tooltip = new Tooltip(parts.tip);
    parts.box.addEventListener("keydown", keysOf(this));
    this.#listen();
  }

  #listen() {
    const { box } = this.#parts;
    const gestures = {
      hover: (x, y) => this.#hover(x, y),
      click: (x, y) => this.#click(x, y),
      range: (from, to) => this.setRange([this.#scale.seconds(Math.min(from, to)), this.#scale.seconds(Math.max(from, to))]),
      ranged: () => this.#on.range(this.#range),
      zoom: (factor, x) => this.zoom(factor, this.#scale.seconds(x)),
      pan: (pixels) => this.#move(() => this.#scale.pan((pixels / this.#scale.width) * this.#scale.span)),
    };
    // A wheel scrolls the page until the timeline was clicked.
    const canZoom = (delta) => document.activeElement === box && !(delta > 0 && this.#scale.isWhole);
    new Gestures(box, gestures, canZoom);
  }

  // Another video: nothing of the former is left.
  clear() {
    this.#data = NOTHING;
    this.#only = this.#range = this.#playhead = this.#pointer = null;
    this.#scale.setTotal(0);
    this.#scale.show(0, 0);
    this.select(-1);
    this.#hover(null);
  }

  // `data`: { clips, segments, total, threshold }, seconds and shares.
  set data(data) {
    this.#data = data;
    this.#scale.setTotal(data.total);
    this.#parts.box.setAttribute("aria-busy", String(!data.clips.length));
    this.#drawStill();
  }

  // Only these labels are lit; null: all.
  set only(labels) {
    this.#only = labels;
    this.#drawStill();
  }

  // Where the player is, in seconds, or null. A part that is shown while it plays is left with it.
  setPlayhead(seconds, plays = false) {
    this.#playhead = seconds;
    const { start, end, span } = this.#scale;
    if (plays && (seconds < start || seconds > end)) this.#move(() => this.#scale.show(seconds, seconds + span));
    this.#drawMoving();
  }

  setRange(range) {
    const { total } = this.#scale;
    this.#range = range && [Math.max(0, range[0]), Math.min(total || Infinity, range[1])];
    this.#drawMoving();
  }

  select(index) {
    const { box } = this.#parts;
    this.#selected = index;
    box.querySelector("[role=option]")?.remove();
    box.removeAttribute("aria-activedescendant");
    const clip = this.#data.clips[index];
    if (clip) {
      box.append(optionOf(clip, this.#data.clips.length));
      box.setAttribute("aria-activedescendant", `clip-${index}`);
    }
    this.#drawMoving();
  }

  #pick(index) {
    const clip = this.#data.clips[index];
    if (!clip) return;
    this.select(index);
    this.#move(() => this.#scale.reveal(clip.start_seconds, clip.end_seconds));
    this.#on.select(index);
  }

  step(by) {
    this.#pick(Math.min(this.#data.clips.length - 1, Math.max(0, this.#selected + by)));
  }

  // To the first clip of the next segment, or of the one before, of those that are lit.
  stepSegment(by) {
    const { clips, segments } = this.#data;
    const now = clips[this.#selected]?.start_seconds ?? 0;
    const lit = segments.filter(({ label }) => this.#isLit(label));
    const next = by > 0 ? lit.find((each) => each.start_seconds > now) : lit.findLast((each) => each.start_seconds < now);
    if (next) this.#pick(Math.max(0, indexAt(clips, next.start_seconds)));
  }

  playSelected() {
    const clip = this.#data.clips[this.#selected];
    if (clip) this.#on.play(clip);
  }

  // `i` and `o`, as in video editors: the chosen clip is where a part starts or ends.
  markRange(edge) {
    const clip = this.#data.clips[this.#selected];
    if (!clip) return;
    const [start, end] = this.#range ?? [0, this.#scale.total];
    if (edge === "start") this.setRange([clip.start_seconds, Math.max(end, clip.end_seconds)]);
    else this.setRange([Math.min(start, clip.start_seconds), clip.end_seconds]);
    this.#on.range(this.#range);
  }

  zoom(factor, around = this.#centre()) {
    this.#move(() => this.#scale.zoom(factor, around));
  }

  zoomIn = () => this.zoom(1 / ZOOM);
  zoomOut = () => this.zoom(ZOOM);
  showAll = () => this.show(0, this.#scale.total);

  show(start, end) {
    this.#move(() => this.#scale.show(start, end));
  }

  page(by) {
    this.#move(() => this.#scale.pan(by * 0.9 * this.#scale.span));
  }

  // What keys and buttons zoom around: the chosen clip where it is seen.
  #centre() {
    const clip = this.#data.clips[this.#selected];
    const middle = clip ? (clip.start_seconds + clip.end_seconds) / 2 : -1;
    const { start, end } = this.#scale;
    return middle >= start && middle <= end ? middle : (start + end) / 2;
  }

  #move(change) {
    change();
    this.#drawStill();
  }

  #isLit = (label) => !this.#only || this.#only.has(label);

  #at(x) {
    const seconds = this.#scale.seconds(x);
    const { clips, segments } = this.#data;
    return { seconds, clip: clips[indexAt(clips, seconds)], segment: segments[indexAt(segments, seconds)] };
  }

  #hover(x) {
    this.#pointer = this.#data.total ? x : null;
    if (this.#pointer === null) this.tooltip.hide();
    else this.tooltip.show(x, this.#scale.width, this.#at(x));
    this.#drawMoving();
  }

  // In the row of segments a segment, elsewhere a clip; on the axis, and where there is neither, the moment.
  #click(x, y) {
    this.#parts.box.focus();
    const { clip, segment, seconds } = this.#at(x);
    const { segments, axis } = this.#renderer.lanes;
    if (clip) this.#pick(clip.index);
    if (y < axis.y && y >= segments.y) {
      const item = y < segments.y + segments.height ? segment ?? clip : clip;
      if (item) return this.#on.play(item);
    }
    return this.#on.seek(seconds);
  }

  get #state() {
    return {
      ...this.#data,
      isLit: this.#isLit,
      clip: this.#data.clips[this.#selected],
      range: this.#range,
      playhead: this.#playhead,
      pointer: this.#pointer,
    };
  }
}

function optionOf(clip, clips) {
  const { index, start_seconds: start, end_seconds: end, label, probability } = clip;
  const text = `Clip ${index + 1}, ${clock(start)} to ${clock(end)}: ${label}, ${percent(probability)}`;
  const aria = { role: "option", selected: true, posinset: index + 1, setsize: clips };
  return make("div", { id: `clip-${index}`, className: "hidden", aria }, text);
}
