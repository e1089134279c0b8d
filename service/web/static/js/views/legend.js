// The labels of a video in their colours; a click shows only these.

import { css } from "../colours.js";
import { make } from "../dom.js";

const MOST = 14;

export class Legend {
  #box;
  #onChange;
  #labels = [];
  #chosen = new Set();
  #all = false;

  // `onChange` gets the labels that are chosen, or null for all.
  constructor(box, onChange) {
    this.#box = box;
    this.#onChange = onChange;
  }

  clear() {
    this.#chosen.clear();
    this.#all = false;
    this.draw([]);
  }

  get only() {
    return this.#chosen.size ? this.#chosen : null;
  }

  // The most important label first.
  draw(labels) {
    if (labels.join("\n") === this.#labels.join("\n")) return;
    this.#labels = labels;
    this.#redraw();
  }

  #redraw() {
    const shown = this.#all ? this.#labels : this.#labels.slice(0, MOST);
    const buttons = shown.map((label) => this.#button(label));
    const hidden = this.#labels.length - shown.length;
    if (hidden > 0) buttons.push(this.#more(hidden));
    const focused = this.#box.contains(document.activeElement) ? document.activeElement.textContent : null;
    this.#box.replaceChildren(...buttons);
    buttons.find((button) => button.textContent === focused)?.focus();
  }

  #button(label) {
    const swatch = make("i", { className: "swatch" });
    swatch.style.background = css(label);
    const button = make("button", { type: "button", aria: { pressed: this.#chosen.has(label) } }, swatch, label);
    button.addEventListener("click", () => {
      if (!this.#chosen.delete(label)) this.#chosen.add(label);
      button.setAttribute("aria-pressed", this.#chosen.has(label));
      this.#onChange(this.only);
    });
    return button;
  }

  #more(hidden) {
    const button = make("button", { type: "button" }, `${hidden} more`);
    button.addEventListener("click", () => {
      this.#all = true;
      this.#redraw();
    });
    return button;
  }
}
