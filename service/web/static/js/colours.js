// A label's colour comes of its name alone: the same in every video, on every day.

// FNV-1a, with this start because it keeps the bundled model's nine labels well apart.
const START = 266725;
const PRIME = 16777619;
const SHADES = 3;
const CHROMA = 0.13;
// From this lightness on, black is easier to read on a colour than white.
const READ_BLACK = 0.565;

export function colourOf(label) {
  const hash = hashOf(label);
  return { hue: (hash >>> 8) % 360, shade: hash % SHADES };
}

// As CSS. `shades`: the lightness of each, or what stands for it in a style sheet.
export function css(label, shades = ["var(--shade-0)", "var(--shade-1)", "var(--shade-2)"]) {
  const { hue, shade } = colourOf(label);
  return `oklch(${shades[shade]} ${CHROMA} ${hue})`;
}

// What can be read on a label's colour.
export function textOn(label, shades) {
  return Number(shades[colourOf(label).shade]) >= READ_BLACK ? "#000" : "#fff";
}

function hashOf(label) {
  let hash = START;
  for (const byte of new TextEncoder().encode(label)) hash = Math.imul(hash ^ byte, PRIME);
  // Names that differ in their last letter only would have neighbouring colours.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) >>> 0;
}
