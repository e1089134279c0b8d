// A job as it goes on: the lines that the service tells of it, taken up again wherever the connection breaks.

import { LOST, Problem, problemIn } from "./problem.js";

const PAUSE_MS = 2000;
// What the service says of itself, and not of the job: it is back soon, or another is there.
const AWAY = ["urn:r3d:problem:not-ready", "urn:r3d:problem:jobs-unavailable"];

// Resolves to the answer. Rejects with a Problem, or an AbortError after `signal`. `onClip`: each clip once, in order.
export async function follow(path, headers, { onJob, onClip, signal }) {
  let clips = 0;
  const take = ({ event, ...rest }) => {
    if (event === "job") onJob(rest);
    if (event === "clip" && rest.index >= clips) {
      clips = rest.index + 1;
      onClip(rest);
    }
  };
  for (;;) {
    try {
      return await once(path, headers, take, signal);
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
    await pause(signal);
  }
}

async function once(path, headers, take, signal) {
  const answer = await fetch(path, { headers: { ...headers, Accept: "application/x-ndjson" }, signal });
  if (!answer.ok) throw problemIn(await answer.text(), answer.status);
  for await (const line of linesOf(answer.body)) {
    const { event, ...rest } = JSON.parse(line);
    if (event === "result") return rest;
    if (event === "error") throw new Problem(rest);
    take({ event, ...rest });
  }
  throw new Problem(LOST);
}

async function* linesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    yield* lines.filter(Boolean);
  }
}

// `fetch` tells of a connection that broke by a TypeError.
function isPassing(error) {
  return error instanceof TypeError || error.title === LOST.title || AWAY.includes(error.type) || error.status === 502;
}

function pause(signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, PAUSE_MS);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("cancelled", "AbortError"));
    });
  });
}
