// The answer to take away: files, the same by curl, JSON to copy.

import { byId } from "../dom.js";
import { save } from "../runs/export.js";

const COPIED_MS = 2000;

export class TakeAway {
  #run = null;

  constructor() {
    for (const button of document.querySelectorAll("[data-saves]")) {
      button.addEventListener("click", () => save(this.#run.name, button.dataset.saves, this.#run.answer));
    }
    for (const button of document.querySelectorAll("[data-copies]")) {
      button.addEventListener("click", () => copy(button));
    }
    byId("json-box").addEventListener("toggle", () => this.#drawJson());
  }

  // A run with its answer, or without: then there is nothing to take.
  draw(run, isLocked) {
    this.#run = run;
    byId("more").hidden = !run.answer;
    byId("sample-link").hidden = !run.sample;
    if (run.sample) byId("sample-link").href = sampleUrl(run.sample);
    byId("curl").textContent = run.answer ? commandOf(run, isLocked) : "";
    this.#drawJson();
  }

  // Closed again, as for another video.
  close() {
    byId("json-box").open = false;
  }

  // Megabytes, where the video is long: made only for who looks.
  #drawJson() {
    byId("json").textContent = byId("json-box").open && this.#run?.answer ? JSON.stringify(this.#run.answer, null, 2) : "";
  }
}

function sampleUrl(name) {
  return new URL(`static/samples/${name}`, location.href).href;
}

function commandOf(run, isLocked) {
  const query = String(new URLSearchParams(run.options));
  const url = new URL(`classify${query && `?${query}`}`, location.href).href;
  const key = isLocked ? '-H "Authorization: Bearer $R3D_API_KEY" ' : "";
  const classify = `curl ${key}-F ${quoted(`file=@${run.name}`)} ${quoted(url)}`;
  return run.sample ? `curl -O ${quoted(sampleUrl(run.sample))}\n${classify}` : classify;
}

// As a shell reads it; curl itself reads commas, semicolons and quotes in a file's name.
function quoted(text) {
  const name = text.replace(/^file=@(.*[,;"\\].*)$/s, (_, path) => `file=@"${path.replace(/[\\"]/g, "\\$&")}"`);
  return /^[\w.=@/:-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

async function copy(button) {
  const source = byId(button.dataset.copies);
  if (navigator.clipboard) await navigator.clipboard.writeText(source.textContent);
  else copySelected(source);
  const before = button.firstChild.textContent;
  button.firstChild.textContent = "Copied";
  setTimeout(() => { button.firstChild.textContent = before; }, COPIED_MS);
}

// Over plain HTTP from another machine browsers have no clipboard to write to.
function copySelected(source) {
  getSelection().selectAllChildren(source);
  document.execCommand("copy");
}
