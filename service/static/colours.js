// One colour a label, in the order labels come up; each with 3:1 against the page, light and dark.
const HUES = [212, 28, 140, 290, 355, 180, 55, 255, 95, 325];
const GOLDEN_ANGLE = 137.508;

export class Colours {
  #given = new Map();

  of(label) {
    if (!this.#given.has(label)) {
      const count = this.#given.size;
      const hue = count < HUES.length ? HUES[count] : (count * GOLDEN_ANGLE) % 360;
      this.#given.set(label, `hsl(${hue.toFixed(0)} var(--vivid) var(--light))`);
    }
    return this.#given.get(label);
  }
}
