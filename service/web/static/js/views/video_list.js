// The videos of this and of earlier visits, with what became of each.

import { css } from "../colours.js";
import { byId, make } from "../dom.js";
import { briefly } from "../runs/summary.js";
import { marksOf } from "../timeline/marks.js";
import { Scale } from "../timeline/scale.js";
import { percent } from "../words.js";

const STRIP_STEPS = 120;

export class VideoList {
  #on;
  #items = new Map();

  // `on`: { open(run), remove(run), clear() }.
  constructor(on) {
    this.#on = on;
    byId("clear-list").addEventListener("click", () => on.clear());
  }

  draw(runs, open) {
    byId("videos").hidden = !runs.length;
    for (const [run, { item }] of this.#items) {
      if (runs.includes(run)) continue;
      item.remove();
      this.#items.delete(run);
    }
    for (const run of runs) {
      if (!this.#items.has(run)) this.#add(run);
      this.#update(run, run === open);
    }
  }

  #add(run) {
    const said = make("span", { className: "quiet" });
    const progress = make("progress", { max: 1, aria: { label: `Progress of ${run.name}` } });
    const open = make("button", { type: "button", className: "open" }, make("b", {}, run.name), said);
    const remove = make("button", { type: "button", className: "remove", title: "Remove", aria: { label: `Remove ${run.name}` } }, "×");
    const item = make("li", {}, open, remove);
    open.addEventListener("click", () => this.#on.open(run));
    remove.addEventListener("click", () => this.#on.remove(run));
    run.addEventListener("progress", () => { progress.value = run.share; });
    byId("list").append(item);
    this.#items.set(run, { item, open, said, progress });
  }

  #update(run, isOpen) {
    const { open, said, progress } = this.#items.get(run);
    open.setAttribute("aria-current", String(isOpen));
    said.replaceChildren(...wordsOf(run));
    said.classList.toggle("bad", run.state === "failed");
    if (run.state === "uploading") open.append(progress);
    else progress.remove();
    const hasStrip = run.state === "done" && run.answer.segments.length > 0;
    if (hasStrip && !open.querySelector(".strip")) open.append(stripOf(run.answer));
    else if (!hasStrip) open.querySelector(".strip")?.remove();
  }
}

// The segments as a line of colours.
function stripOf({ segments, video }) {
  const scale = Object.assign(new Scale(), { width: STRIP_STEPS });
  scale.setTotal(video.duration_seconds);
  const stops = marksOf(segments, scale, { strength: "confidence", isLit: () => true }).flatMap(({ x, width, item }) => {
    const [from, to] = [x, x + width].map((step) => `${((100 * step) / STRIP_STEPS).toFixed(2)}%`);
    return [`transparent ${from}`, `${css(item.label)} ${from} ${to}`, `transparent ${to}`];
  });
  const strip = make("i", { className: "strip" });
  strip.style.backgroundImage = `linear-gradient(to right, ${stops.join(", ")})`;
  return strip;
}

function wordsOf(run) {
  const parts = Object.entries(run.options).filter(([name]) => name === "start" || name === "end");
  const part = parts.map(([name, value]) => `${name} ${value} s`).join(", ");
  return [...stateOf(run), part && ` · ${part}`].filter(Boolean);
}

function stateOf(run) {
  if (run.state === "done") return [briefly(run.answer)];
  if (run.state === "uploading") return [`uploading ${percent(run.share)}`];
  if (run.isQueued && run.isPending) return ["waiting at the service"];
  return [{ waiting: "waiting", classifying: "classifying …", stopped: "not finished", failed: run.problem?.title }[run.state]];
}
