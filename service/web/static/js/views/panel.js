// Beside the player: what the chosen clip may be, and what all clips say.

import { byId } from "../dom.js";
import { clock, grouped, percent } from "../words.js";
import { drawBars } from "./bars.js";

const MOST = 6;

export function drawClip(clip) {
  byId("clip-title").textContent = clip
    ? `Clip ${clip.index + 1}: ${clock(clip.start_seconds)} – ${clock(clip.end_seconds)}`
    : "Clip";
  drawBars(byId("top"), clip ? probabilities(clip.top) : []);
}

// How many clips each label has, the most first.
export function drawVotes(clips) {
  const votes = new Map();
  for (const { label } of clips) votes.set(label, (votes.get(label) ?? 0) + 1);
  const rows = [...votes].sort(([, a], [, b]) => b - a).slice(0, MOST);
  const row = ([label, number]) => ({ label, figure: `${grouped(number)} of ${grouped(clips.length)}`, share: number / clips.length });
  drawBars(byId("votes"), rows.map(row));
}

// What rounds to nothing is left out.
function probabilities(top) {
  return top
    .filter(({ probability }) => percent(probability) !== "0%")
    .map(({ label, probability }) => ({ label, figure: percent(probability), share: probability }));
}
