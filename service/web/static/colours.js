// A colour for each label that wins a clip, in the order they come up; the others are grey.
const HUES = [212, 28, 140, 290, 355, 180, 55, 255, 95, 325];
const GOLDEN_ANGLE = 137.508;

export class Colours {
  #given = new Map();

  // A label's colour, if it has one.
  of(label) {
    return this.#given.get(label) ?? "var(--edge)";
  }

  give(label) {
    if (!this.#given.has(label)) {
      const count = this.#given.size;
      const hue = count < HUES.length ? HUES[count] : (count * GOLDEN_ANGLE) % 360;
      this.#given.set(label, `hsl(${hue.toFixed(0)} var(--vivid) var(--light))`);
    }
  }
}
