// An answer as a file, the same to the byte as the service writes it.

const COLUMNS = ["index", "start_frame", "end_frame", "start_seconds", "end_seconds", "label", "label_index", "probability"];
const REAL = new Set(["start_seconds", "end_seconds", "probability"]);

// Media type and maker of each kind of file.
export const FILES = {
  json: ["application/json", (answer) => JSON.stringify(answer, null, 2)],
  csv: ["text/csv", csvOf],
  vtt: ["text/vtt", vttOf],
};

// A header and a line for each clip (RFC 4180).
export function csvOf(answer) {
  const lines = [COLUMNS, ...answer.clips.map((clip) => COLUMNS.map((name) => cell(clip[name], REAL.has(name))))];
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}

function cell(value, real) {
  if (real && Number.isInteger(value)) return value.toFixed(1);
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// WebVTT, a cue for each segment.
export function vttOf(answer) {
  const cues = answer.segments.map(
    ({ start_seconds: start, end_seconds: end, label, confidence }) =>
      `${stamp(start)} --> ${stamp(end)}\n${escaped(label)} (${Math.round(confidence * 100)}%)\n`,
  );
  return ["WEBVTT\n", ...cues].join("\n");
}

function escaped(label) {
  return label.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function stamp(seconds) {
  return new Date(Math.round(seconds * 1000)).toISOString().slice(11, 23);
}

// Hands a file to the browser to save.
export function save(name, kind, answer) {
  const [type, write] = FILES[kind];
  const url = URL.createObjectURL(new Blob([write(answer)], { type }));
  const link = Object.assign(document.createElement("a"), { href: url, download: `${name.replace(/\.[^.]+$/, "")}.${kind}` });
  link.click();
  // The browser has begun to read it by the next task.
  setTimeout(() => URL.revokeObjectURL(url));
}
