// A list of labels with a bar and a figure each.

export function drawBars(list, rows, colours) {
  while (list.children.length > rows.length) list.lastElementChild.remove();
  rows.forEach((row, index) => {
    const item = list.children[index] ?? list.appendChild(newItem());
    const [name, figure, track] = item.children;
    name.textContent = row.label;
    figure.textContent = row.figure;
    track.firstElementChild.style.width = `${row.share * 100}%`;
    track.firstElementChild.style.background = colours.of(row.label);
  });
}

function newItem() {
  const item = document.createElement("li");
  const track = document.createElement("div");
  track.append(document.createElement("i"));
  item.append(document.createElement("span"), document.createElement("b"), track);
  return item;
}
