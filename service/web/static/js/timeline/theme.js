// The style sheet's colours for a canvas, which has no style sheet.

import { css, textOn } from "../colours.js";

const NAMES = ["ink", "quiet", "card", "line", "track", "accent"];

export function readTheme(element) {
  const style = getComputedStyle(element);
  const value = (name) => style.getPropertyValue(`--${name}`).trim();
  const shades = [0, 1, 2].map((shade) => value(`shade-${shade}`));
  const known = new Map();
  // A colour and what can be read on it: few labels, many marks.
  const of = (label) => {
    if (!known.has(label)) known.set(label, { fill: css(label, shades), text: textOn(label, shades) });
    return known.get(label);
  };
  return { ...Object.fromEntries(NAMES.map((name) => [name, value(name)])), font: style.fontFamily, of };
}

// Calls `changed` when the colours may have.
export function onThemeChange(changed) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}
