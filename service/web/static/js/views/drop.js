// Videos by choice or by drop, anywhere on the page.

import { byId } from "../dom.js";

// `onFiles(files)`.
export function acceptFiles(onFiles) {
  const input = byId("file");
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    if (files.length) onFiles(files);
  });
  acceptDrops(onFiles);
}

function acceptDrops(onFiles) {
  const veil = byId("anywhere");
  // A drag enters what it moves onto before it leaves what it was over.
  let depth = 0;
  const over = (by) => {
    depth = Math.max(0, depth + by);
    veil.hidden = !depth;
  };
  addEventListener("dragenter", (event) => carriesFiles(event) && over(1));
  addEventListener("dragleave", (event) => carriesFiles(event) && over(-1));
  addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    over(-Infinity);
    onFiles([...event.dataTransfer.files]);
  });
}

function carriesFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}
