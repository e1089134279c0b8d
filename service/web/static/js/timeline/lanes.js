// The timeline's rows, from top to bottom, in pixels.

const PICTURES = 48;
const SEGMENTS = 34;
const CLIPS = 60;
const AXIS = 24;
const GAP = 4;

export function lanesOf({ pictures }) {
  const lanes = {};
  let y = 0;
  const add = (name, height, gap = GAP) => {
    lanes[name] = { y, height };
    y += height + gap;
  };
  if (pictures) add("pictures", PICTURES);
  add("segments", SEGMENTS);
  add("clips", CLIPS, 0);
  add("axis", AXIS, 0);
  return { ...lanes, height: y };
}
