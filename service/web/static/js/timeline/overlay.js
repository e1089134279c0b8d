// What moves over a timeline: where the player is, where the pointer is, the clip and the part that are chosen.

import { line } from "./draw.js";

export function drawOverlay(context, scale, lanes, { theme, clip, range, playhead, pointer }) {
  const bottom = lanes.axis.y;
  if (range) drawRange(context, scale, range, lanes.height, theme);
  if (clip) drawClip(context, scale, clip, lanes.clips, theme);
  if (pointer !== null) {
    context.strokeStyle = theme.quiet;
    line(context, Math.round(pointer) + 0.5, 0, Math.round(pointer) + 0.5, bottom);
  }
  if (playhead !== null) drawPlayhead(context, Math.round(scale.x(playhead)), bottom, theme);
}

function drawClip(context, scale, clip, { y, height }, theme) {
  const x = scale.x(clip.start_seconds);
  context.strokeStyle = theme.ink;
  context.lineWidth = 2;
  context.strokeRect(x, y + 1, Math.max(3, scale.x(clip.end_seconds) - x - 1), height - 2);
  context.lineWidth = 1;
}

function drawRange(context, scale, [start, end], height, theme) {
  const [left, right] = [scale.x(start), scale.x(end)];
  context.fillStyle = theme.card;
  context.globalAlpha = 0.6;
  context.fillRect(0, 0, left, height);
  context.fillRect(right, 0, scale.width - right, height);
  context.globalAlpha = 1;
  context.strokeStyle = theme.accent;
  context.lineWidth = 2;
  context.strokeRect(left, 1, right - left, height - 2);
  context.lineWidth = 1;
}

function drawPlayhead(context, x, bottom, theme) {
  context.fillStyle = theme.ink;
  context.fillRect(x - 1, 0, 2, bottom + 6);
  context.beginPath();
  context.moveTo(x - 6, bottom + 12);
  context.lineTo(x, bottom + 3);
  context.lineTo(x + 6, bottom + 12);
  context.fill();
}
