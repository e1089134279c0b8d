// So many things at once; the others wait for a place.

export class Places {
  #free;
  #waiting = [];

  constructor(count) {
    this.#free = count;
  }

  // What `work` resolves to, once it has a place. Rejects with an AbortError when `signal` is aborted before that.
  async use(work, signal) {
    while (!this.#free) await this.#changed(signal);
    signal.throwIfAborted();
    this.#free -= 1;
    try {
      return await work();
    } finally {
      this.#free += 1;
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  #changed(signal) {
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  }
}
