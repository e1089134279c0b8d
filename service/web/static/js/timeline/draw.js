// What a timeline looks like: functions that draw one row each on a canvas.

import { clock, percent } from "../words.js";
import { marksOf } from "./marks.js";
import { stepOf } from "./scale.js";

const ALL = () => true;
const FAINT = 0.14;
const RADIUS = 4;
const TEXT_PIXELS = 30;
const LEAST_BAR = 3;
const LABEL_GAP = 76;

export function drawSegments(context, segments, scale, { y, height }, { theme, isLit = ALL, named = true }) {
  context.font = `600 13px ${theme.font}`;
  context.textBaseline = "middle";
  for (const { x, width, item, lit } of marksOf(segments, scale, { strength: "confidence", isLit })) {
    const { fill, text } = theme.of(item.label);
    context.globalAlpha = lit ? 1 : FAINT;
    context.fillStyle = fill;
    // A line of the background between neighbours.
    const drawn = Math.max(1, width - (width > 4 ? 1 : 0));
    box(context, x, y, drawn, height, named && width > 3 * RADIUS ? RADIUS : 0);
    if (!named || !lit || width < TEXT_PIXELS) continue;
    context.fillStyle = text;
    name(context, item, Math.max(0, x), Math.min(scale.width, x + drawn), y + height / 2);
  }
  context.globalAlpha = 1;
}

function box(context, x, y, width, height, radius) {
  if (!radius) return context.fillRect(x, y, width, height);
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
  return context.fill();
}

// The label, with its confidence if there is room, within what is seen of a segment.
function name(context, segment, left, right, y) {
  const room = right - left - 14;
  const long = `${segment.label}  ${percent(segment.confidence)}`;
  const text = [long, segment.label].find((each) => context.measureText(each).width <= room) ?? shortened(context, segment.label, room);
  if (text) context.fillText(text, left + 7, y);
}

function shortened(context, text, room) {
  const share = room / context.measureText(text).width;
  const length = Math.floor(text.length * share) - 1;
  return length >= 2 ? `${text.slice(0, length).trimEnd()}…` : "";
}

// Bars as high as the clips are sure.
export function drawClips(context, clips, scale, { y, height }, { theme, isLit = ALL, threshold = 0 }) {
  for (const { x, width, item, lit } of marksOf(clips, scale, { strength: "probability", isLit })) {
    const bar = Math.max(LEAST_BAR, item.probability * height);
    context.globalAlpha = lit ? (item.probability < threshold ? 0.45 : 1) : FAINT;
    context.fillStyle = theme.of(item.label).fill;
    context.fillRect(x, y + height - bar, Math.max(1, width - (width > 4 ? 1 : 0)), bar);
  }
  context.globalAlpha = 1;
  if (threshold > 0 && threshold < 1) drawThreshold(context, scale, y + height - threshold * height, theme);
}

function drawThreshold(context, scale, y, theme) {
  context.strokeStyle = theme.quiet;
  context.setLineDash([2, 4]);
  line(context, 0, Math.round(y) + 0.5, scale.width, Math.round(y) + 0.5);
  context.setLineDash([]);
}

export function drawAxis(context, scale, { y, height }, { theme }) {
  const step = stepOf(scale, LABEL_GAP);
  context.font = `12px ${theme.font}`;
  context.textBaseline = "bottom";
  context.strokeStyle = theme.line;
  line(context, 0, y + 0.5, scale.width, y + 0.5);
  context.fillStyle = theme.quiet;
  for (let mark = Math.ceil(scale.start / step); mark * step <= scale.end; mark++) {
    const x = Math.round(scale.x(mark * step)) + 0.5;
    line(context, x, y, x, y + 6);
    const text = clock(mark * step, step < 1 ? 1 : 0);
    // The last one has no room where the video ends soon after it.
    if (x + 3 + context.measureText(text).width <= scale.width) context.fillText(text, x + 3, y + height - 1);
  }
}

export function drawPictures(context, pictures, { y, height }, { theme }) {
  for (const { x, width, picture } of pictures) {
    context.fillStyle = theme.track;
    context.fillRect(x, y, width - 1, height);
    if (!picture) continue;
    // The middle of it, where there is not room for all.
    const scaled = picture.width * (height / picture.height);
    const seen = Math.min(scaled, width - 1);
    const source = (seen / scaled) * picture.width;
    context.drawImage(picture, (picture.width - source) / 2, 0, source, picture.height, x, y, seen, height);
  }
}

export function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}
