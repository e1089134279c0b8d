// One upload and the lines of its answer as they come.

import { LOST, Problem, problemIn } from "./problem.js";

const ACCEPTED = 202;

// Resolves to the answer; with `asJob` to `{ job }`, its id, where the service keeps jobs. Rejects with a Problem, or an AbortError after `signal`.
// XMLHttpRequest and not fetch: only it tells how far an upload is.
export function upload(file, query, headers, { onUpload, onUploaded, onClip, signal, asJob }) {
  const request = new XMLHttpRequest();
  const form = new FormData();
  form.append("file", file);
  const done = new Promise((resolve, reject) => {
    const lines = new Lines(request, onClip);
    request.upload.onprogress = (event) => event.lengthComputable && onUpload(event.loaded / event.total);
    request.upload.onload = onUploaded;
    request.onprogress = () => lines.read();
    request.onload = () => {
      lines.read();
      if (request.status === ACCEPTED) resolve({ job: JSON.parse(request.responseText).id });
      else if (lines.result) resolve(lines.result);
      else reject(lines.problem ?? problemIn(request.responseText, request.status));
    };
    request.onerror = () => {
      lines.read();
      reject(new Problem(LOST));
    };
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
  });
  request.open("POST", `classify?${query}`);
  request.setRequestHeader("Accept", "application/x-ndjson");
  if (asJob) request.setRequestHeader("Prefer", "respond-async");
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  if (!signal.aborted) request.send(form);
  else request.onabort();
  return done;
}

// Whole lines of what has come so far, each once.
class Lines {
  result = null;
  problem = null;
  #read = 0;
  #request;
  #onClip;

  constructor(request, onClip) {
    this.#request = request;
    this.#onClip = onClip;
  }

  read() {
    if (this.#request.status !== 200) return;
    const text = this.#request.responseText;
    const end = text.lastIndexOf("\n") + 1;
    for (const line of text.slice(this.#read, end).split("\n").filter(Boolean)) this.#take(JSON.parse(line));
    this.#read = Math.max(this.#read, end);
  }

  #take({ event, ...rest }) {
    if (event === "clip") this.#onClip(rest);
    else if (event === "result") this.result = rest;
    else this.problem = new Problem(rest);
  }
}
