// What the page asks of the service.

import { follow } from "./follow.js";
import { Places } from "./places.js";
import { LOST, Problem, problemIn } from "./problem.js";
import { upload } from "./upload.js";

const UNAUTHORIZED = 401;
const LABELS_OF_A_CLIP = 5;
// Requests for jobs that nobody looks at, at a time.
const LOOKS = 2;

export class Service {
  #key;
  #looks = new Places(LOOKS);

  constructor(key) {
    this.#key = key;
  }

  // Whether requests need a key that is known.
  get isLocked() {
    return this.#key.isKnown;
  }

  // Its state and model; needs no key.
  async health() {
    return (await this.#send("health")).json();
  }

  // What the model can name.
  async labels() {
    const answer = await this.#authorised((headers) => this.#get("labels", headers));
    return (await answer.json()).labels;
  }

  // One of the videos that come with the page.
  async sample(name, signal) {
    const answer = await this.#get(`static/samples/${name}`, {}, signal);
    return new File([await answer.blob()], name, { type: "video/mp4" });
  }

  // See `upload`. Options: the query of `POST /classify`.
  classify(file, options, hooks) {
    const query = new URLSearchParams({ top_k: LABELS_OF_A_CLIP, ...options });
    return this.#authorised((headers) => upload(file, query, headers, hooks));
  }

  // See `follow`.
  follow(job, hooks) {
    return this.#authorised((headers) => follow(`v1/jobs/${job}`, headers, this.#looks, hooks));
  }

  // Cancels a job; no matter if it is gone.
  async forget(job) {
    await this.#authorised((headers) => this.#send(`v1/jobs/${job}`, { method: "DELETE", headers })).catch(() => {});
  }

  async #get(path, headers, signal) {
    const answer = await this.#send(path, { headers, signal });
    if (!answer.ok) throw problemIn(await answer.text(), answer.status);
    return answer;
  }

  async #send(path, options) {
    try {
      return await fetch(path, options);
    } catch (error) {
      throw error.name === "AbortError" ? error : new Problem(LOST);
    }
  }

  // Sends again, with another key, as long as the key is refused and somebody gives one.
  async #authorised(send) {
    for (;;) {
      const { headers } = this.#key;
      try {
        return await send(headers);
      } catch (error) {
        if (error.status !== UNAUTHORIZED || !(await this.#key.refused(headers))) throw error;
      }
    }
  }
}
