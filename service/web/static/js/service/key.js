// The service's API key, where it has one: asked for once, and kept until the tab is closed.

const PLACE = "r3d-key";

export class Key {
  #ask;
  #asking = null;

  // `ask(wrong)` resolves to a key, or to null when nobody gives one. `wrong`: whether one was given and refused.
  constructor(ask) {
    this.#ask = ask;
  }

  // What each request is sent with. The first tells the service that no window of the browser's own is wanted.
  get headers() {
    const key = sessionStorage.getItem(PLACE);
    return { "X-Requested-With": "r3d", ...(key === null ? {} : { Authorization: `Bearer ${key}` }) };
  }

  get isKnown() {
    return sessionStorage.getItem(PLACE) !== null;
  }

  // After a refusal of a request that was sent with `headers`: whether there is another key to try.
  // Who is refused meanwhile waits for the same answer.
  refused(headers) {
    if (headers.Authorization !== this.headers.Authorization) return Promise.resolve(true);
    this.#asking ??= this.#asked().finally(() => { this.#asking = null; });
    return this.#asking;
  }

  async #asked() {
    const key = await this.#ask(this.isKnown);
    if (key === null) return false;
    sessionStorage.setItem(PLACE, key);
    return true;
  }
}
