// What is said of a video in words. Pure functions of an answer, or of the clips so far.

import { count, grouped, list, percent } from "../words.js";

const NOTES = {
  partial: "Parts of the video are damaged or missing; they were skipped.",
  "frames repeated": "The video has fewer frames a second than were asked for, so some were repeated.",
};

// { sure, headline, text, notes } of an answer.
export function verdictOf(answer) {
  const notes = answer.warnings.filter((warning) => warning in NOTES).map((warning) => NOTES[warning]);
  const votes = `${grouped(answer.votes)} of ${count(answer.clips.length, "clip")}`;
  if (!answer.warnings.includes("low confidence")) {
    return { sure: true, headline: answer.label, text: `${votes}, confidence ${percent(answer.confidence)}.`, notes };
  }
  return { sure: false, ...unsure(answer), notes };
}

function unsure(answer) {
  const labels = labelsIn(answer.segments);
  if (labels.length > 1) {
    return { headline: "No single label", text: `${capital(list(labels))} take turns: see the timeline.` };
  }
  const closest = answer.top
    .filter(({ probability }) => percent(probability) !== "0%")
    .slice(0, 3)
    .map(({ label, probability }) => `${label} (${percent(probability)})`);
  const text = `The model is not sure of this video. Closest: ${list(closest)}.`;
  if (labels.length === 1) return { headline: `Perhaps ${labels[0]}`, text: `Sure only in parts. ${text}` };
  return { headline: "Not sure", text };
}

// Labels of segments, those that last longest first; to the millisecond, behind which sums are noise.
export function labelsIn(segments) {
  const seconds = new Map();
  for (const { label, start_seconds: start, end_seconds: end } of segments) {
    seconds.set(label, (seconds.get(label) ?? 0) + end - start);
  }
  return [...seconds].sort(([, a], [, b]) => Math.round(1000 * (b - a))).map(([label]) => label);
}

// What a list says of a finished video, in a few words.
export function briefly(answer) {
  const { sure, headline } = verdictOf(answer);
  if (sure) return `${headline}, ${percent(answer.confidence)}`;
  const labels = labelsIn(answer.segments);
  return labels.length > 1 ? list(labels, 3) : headline;
}

// The index of the clip to look at first: the surest one of the surest segment, of the video's label if it has one.
export function strongestClip(answer) {
  const named = answer.segments.filter(({ label }) => label === answer.label);
  const strongest = best(named.length ? named : answer.segments, "confidence");
  const clips = strongest ? answer.clips.filter((clip) => within(clip, strongest)) : answer.clips;
  return best(clips, "probability").index;
}

function within(clip, segment) {
  const middle = (clip.start_seconds + clip.end_seconds) / 2;
  return clip.label === segment.label && middle >= segment.start_seconds && middle < segment.end_seconds;
}

function best(items, by) {
  return items.reduce((a, b) => (b[by] > a[by] ? b : a), items[0]);
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}
