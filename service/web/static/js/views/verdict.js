// What is said of the open video above everything else: progress, a problem, or the verdict.

import { byId, make } from "../dom.js";
import { verdictOf } from "../runs/summary.js";
import { clock, count, duration, percent } from "../words.js";

// An estimate from less than this would jump.
const LEAST_SECONDS = 1;

export function drawProgress(run) {
  byId("progress").hidden = !run.isPending;
  const { text, share } = progressOf(run, performance.now());
  byId("stage").textContent = text;
  if (share === null) byId("bar").removeAttribute("value");
  else byId("bar").value = share;
}

// { text, share }; `share` is null where it is not known. `now` in milliseconds, as `run.startedAt`.
export function progressOf(run, now) {
  if (run.state === "waiting") return { text: "Waiting for the video before it", share: null };
  const known = run.state === "uploading" ? run.share : classified(run);
  const left = known && timeLeft(known, (now - run.startedAt) / 1000);
  if (run.state === "uploading") return { text: `Uploading: ${percent(run.share)}${left || ""}`, share: run.share };
  if (!run.clips.length) return { text: "Classifying", share: null };
  const done = `${count(run.clips.length, "clip")}, up to ${clock(run.clips.at(-1).end_seconds)}`;
  return { text: `Classifying: ${done}${left || ""}`, share: known };
}

// The share of the part that was asked for.
function classified(run) {
  const start = Number(run.options.start ?? 0);
  const end = Math.min(Number(run.options.end ?? Infinity), run.seconds || Infinity);
  if (!Number.isFinite(end) || !run.clips.length) return null;
  return Math.min(1, (run.clips.at(-1).end_seconds - start) / (end - start));
}

function timeLeft(share, seconds) {
  if (seconds < LEAST_SECONDS || share <= 0.01 || share >= 1) return "";
  return `, about ${duration((seconds / share) * (1 - share))} left`;
}

export function drawProblem(run) {
  const box = byId("problem");
  const incomplete = ["stopped", "failed"].includes(run.state);
  box.hidden = !incomplete;
  box.className = run.problem ? "" : "stopped";
  if (!incomplete) return box.replaceChildren();
  const { title, detail, id } = run.problem ?? { title: "Cancelled", detail: "", id: "" };
  const kept = run.clips.length ? `Incomplete: up to ${clock(run.clips.at(-1).end_seconds)}. What has arrived is below.` : "";
  const lines = [detail, kept].filter(Boolean).map((text) => make("p", {}, text));
  if (id) lines.push(make("p", { className: "quiet" }, `Request ${id}`));
  return box.replaceChildren(make("b", {}, title), ...lines);
}

export function drawVerdict(answer) {
  const box = byId("verdict");
  if (!answer) return box.replaceChildren();
  const { sure, headline, text, notes } = verdictOf(answer);
  const { frames } = answer.video;
  const speed = `${count(frames, "frame")} in ${duration(answer.timing.total_ms / 1000)}.`;
  const said = make("div", { className: sure ? "sure" : "unsure" }, make("strong", {}, headline), make("p", {}, sure ? `${text} ${speed}` : text));
  const noted = notes.map((note) => make("p", { className: "notes" }, note));
  return box.replaceChildren(said, ...noted);
}
