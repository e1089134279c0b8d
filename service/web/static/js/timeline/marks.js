// Clips or segments to as many rectangles as there are pixels, however many there are.

// The index of the first item that ends after `seconds`. Items are in order.
export function firstAfter(items, seconds) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].end_seconds > seconds) high = middle;
    else low = middle + 1;
  }
  return low;
}

// The index of the item at a moment, or -1. Of overlapping ones the one that began last.
export function indexAt(items, seconds) {
  let found = -1;
  for (let index = firstAfter(items, seconds); index < items.length && items[index].start_seconds <= seconds; index++) {
    found = index;
  }
  return found;
}

// What is seen of `items`: { x, width, item, lit }. Of those on one pixel the strongest that is lit, else the strongest.
export function marksOf(items, scale, { strength, isLit }) {
  const marks = [];
  for (let index = firstAfter(items, scale.start); index < items.length; index++) {
    const item = items[index];
    if (item.start_seconds >= scale.end) break;
    const end = Math.min(item.end_seconds, items[index + 1]?.start_seconds ?? Infinity);
    // Whole pixels, so that edges are sharp.
    const x = Math.floor(scale.x(item.start_seconds));
    const width = Math.max(1, Math.floor(scale.x(end)) - x);
    merge(marks, { x, width, item, lit: isLit(item.label) }, strength);
  }
  return marks;
}

function merge(marks, mark, strength) {
  const last = marks.at(-1);
  if (last?.x !== mark.x || last.width !== 1 || mark.width !== 1) marks.push(mark);
  else if (rank(mark, strength) > rank(last, strength)) marks[marks.length - 1] = mark;
}

function rank(mark, strength) {
  return mark.item[strength] + (mark.lit ? 1 : 0);
}
