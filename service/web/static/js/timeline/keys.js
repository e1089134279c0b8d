// Keys of a timeline that has the focus.

const ZOOM = 1.5;

// The handler of `keydown` for a timeline's actions.
export function keysOf(timeline) {
  const actions = {
    ArrowRight: () => timeline.step(1),
    ArrowLeft: () => timeline.step(-1),
    "Shift+ArrowRight": () => timeline.stepSegment(1),
    "Shift+ArrowLeft": () => timeline.stepSegment(-1),
    Home: () => timeline.step(-Infinity),
    End: () => timeline.step(Infinity),
    PageDown: () => timeline.page(1),
    PageUp: () => timeline.page(-1),
    "+": () => timeline.zoom(1 / ZOOM),
    "=": () => timeline.zoom(1 / ZOOM),
    "-": () => timeline.zoom(ZOOM),
    0: () => timeline.showAll(),
    i: () => timeline.markRange("start"),
    o: () => timeline.markRange("end"),
    Enter: () => timeline.playSelected(),
    " ": () => timeline.playSelected(),
  };
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const name = event.shiftKey && event.key.startsWith("Arrow") ? `Shift+${event.key}` : event.key;
    if (!(name in actions)) return;
    actions[name]();
    event.preventDefault();
  };
}
