// A list of labels with a bar and a figure each.

import { css } from "../colours.js";
import { make } from "../dom.js";

// `rows`: { label, figure, share }.
export function drawBars(list, rows) {
  while (list.children.length > rows.length) list.lastElementChild.remove();
  rows.forEach((row, index) => {
    const item = list.children[index] ?? list.appendChild(newItem());
    const [name, figure, track] = item.children;
    name.textContent = row.label;
    figure.textContent = row.figure;
    track.firstElementChild.style.width = `${row.share * 100}%`;
    track.firstElementChild.style.background = css(row.label);
  });
}

function newItem() {
  return make("li", {}, make("span"), make("b"), make("div", {}, make("i")));
}
