// A job as it goes on: live while somebody looks at it, else asked for now and then. A browser has six connections to
// a service, so there is one that stays open and a few that do not, however many jobs there are.

import { LOST, Problem, problemIn } from "./problem.js";

const PAUSE_MS = 2000;
const LOOK_MS = 5000;
// What the service says of itself, and not of the job: it is back soon, or another is there.
const AWAY = ["urn:r3d:problem:not-ready", "urn:r3d:problem:jobs-unavailable"];

// Resolves to the answer. Rejects with a Problem, or an AbortError after `signal`. `onClip`: each clip, in order, while
// `watch` is on; all of them again after a connection that broke. `looks`: the Places that jobs share which are not watched.
export async function follow(path, headers, looks, { watch, onJob, onClip, signal }) {
  const take = ({ event, ...rest }) => {
    if (event === "job") onJob(rest);
    if (event === "clip") onClip(rest);
  };
  while (!signal.aborted) {
    const turn = AbortSignal.any([signal, watch.changed]);
    let milliseconds = PAUSE_MS;
    try {
      if (watch.isOn) return await live(path, headers, take, turn);
      const answer = await looks.use(() => look(path, headers, onJob, turn), turn);
      if (answer) return answer;
      milliseconds = LOOK_MS;
    } catch (error) {
      if (!turn.aborted && !isPassing(error)) throw error;
    }
    await pause(milliseconds, turn);
  }
  throw signal.reason;
}

async function live(path, headers, take, signal) {
  const answer = await asked(path, { ...headers, Accept: "application/x-ndjson" }, signal);
  for await (const line of linesOf(answer.body)) {
    const { event, ...rest } = JSON.parse(line);
    if (event === "result") return rest;
    if (event === "error") throw new Problem(rest);
    take({ event, ...rest });
  }
  throw new Problem(LOST);
}

// The answer, or null before there is one.
async function look(path, headers, onJob, signal) {
  const job = await (await asked(path, headers, signal)).json();
  if (job.problem) throw new Problem(job.problem);
  onJob(job);
  return job.result;
}

async function asked(path, headers, signal) {
  const answer = await fetch(path, { headers, signal });
  if (!answer.ok) throw problemIn(await answer.text(), answer.status);
  return answer;
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

// Ends sooner when `signal` is aborted.
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", resolve);
  });
}
