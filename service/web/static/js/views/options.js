// What is asked of the service besides the video: presets fill the fields, fields make the query.

import { byId } from "../dom.js";

const PRESETS = {
  own: {},
  // What torchvision's published accuracies were measured with, for a model of 16 frames.
  torchvision: { frame_rate: "15", clips: "5", aggregate: "mean" },
  dense: { stride: "8" },
};
const OF_PRESETS = ["frame_rate", "clips", "stride", "aggregate", "tail"];
const DECIMALS = 3;

export class Options {
  #form = byId("options-form");

  // `onAgain`: the open video is to be classified once more.
  constructor(onAgain) {
    const { preset } = this.#form.elements;
    preset.addEventListener("change", () => this.#preset(PRESETS[preset.value] ?? {}));
    this.#form.addEventListener("input", (event) => {
      if (OF_PRESETS.includes(event.target.name)) preset.value = "custom";
      this.#say();
    });
    byId("reset-options").addEventListener("click", () => {
      this.#form.reset();
      this.#say();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.check()) onAgain();
    });
  }

  // What was asked for, as the query of `POST /classify`.
  get query() {
    const fields = [...new FormData(this.#form)].filter(([name, value]) => name !== "preset" && value !== "");
    return Object.fromEntries(fields);
  }

  // Whether all fields hold what they may; the first that does not says so.
  check() {
    if (this.#form.checkValidity()) return true;
    byId("options").open = true;
    return this.#form.reportValidity();
  }

  // A part that was chosen on the timeline, or null.
  set range(range) {
    const [start, end] = range ?? ["", ""];
    this.#form.elements.start.value = start && start.toFixed(DECIMALS);
    this.#form.elements.end.value = end && end.toFixed(DECIMALS);
    this.#say();
  }

  set canRepeat(can) {
    byId("reclassify").hidden = !can;
  }

  #preset(values) {
    if (this.#form.elements.preset.value === "custom") return;
    for (const name of OF_PRESETS) this.#form.elements[name].value = values[name] ?? "";
    this.#say();
  }

  #say() {
    const said = Object.entries(this.query).map(([name, value]) => `${name} ${value}`);
    byId("options-said").textContent = said.length ? said.join(", ") : "";
  }
}
