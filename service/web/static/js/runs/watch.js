// Whether somebody looks at a run.

export class Watch {
  isOn = false;
  #turn = new AbortController();

  // A signal that is aborted when that is different.
  get changed() {
    return this.#turn.signal;
  }

  turn(isOn) {
    if (isOn === this.isOn) return;
    this.isOn = isOn;
    this.#turn.abort();
    this.#turn = new AbortController();
  }
}
