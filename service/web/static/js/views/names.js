// What the model can name: a list that can be searched where it is long.

import { css } from "../colours.js";
import { byId, make } from "../dom.js";
import { count } from "../words.js";

const SEARCHED_FROM = 20;

export class Names {
  #labels = [];

  constructor() {
    byId("names-search").addEventListener("input", () => this.#draw());
  }

  set labels(labels) {
    this.#labels = labels;
    byId("search-box").hidden = labels.length < SEARCHED_FROM;
    this.#draw();
  }

  // Why there is no list.
  say(text) {
    byId("names-count").textContent = text;
  }

  #draw() {
    const wanted = byId("names-search").value.trim().toLowerCase();
    const found = this.#labels.filter((label) => label.toLowerCase().includes(wanted));
    const all = count(this.#labels.length, "label");
    this.say(wanted ? `${found.length} of ${all}` : `${all}. It says one of them of every clip, whatever the clip shows.`);
    byId("names-list").replaceChildren(...found.map(itemOf));
  }
}

function itemOf(label) {
  const swatch = make("i", { className: "swatch" });
  swatch.style.background = css(label);
  return make("li", {}, swatch, label);
}
