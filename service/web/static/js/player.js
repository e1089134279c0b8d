// The video element, played from one moment to another, and followed frame by frame.

const USUAL_FRAME = 1 / 30;

export class Player {
  #video;
  #on;
  #url = null;
  #from = 0;
  #until = Infinity;
  #frame = USUAL_FRAME;
  #last = 0;
  #watching = false;

  // `on`: { time(seconds, plays), duration(seconds), unplayable() }.
  constructor(video, on) {
    this.#video = video;
    this.#on = on;
    video.addEventListener("loadedmetadata", () => on.duration(this.duration));
    video.addEventListener("error", () => this.#url && on.unplayable());
    video.addEventListener("seeked", () => on.time(video.currentTime, !video.paused));
    video.addEventListener("play", () => this.#watch());
    // Whoever pauses, or looks elsewhere, plays on from there.
    video.addEventListener("pause", () => { this.#until = Infinity; });
    video.addEventListener("seeking", () => {
      const elsewhere = video.currentTime < this.#from || video.currentTime >= this.#until;
      if (elsewhere) this.#until = Infinity;
    });
  }

  // The file's address, or null.
  get url() {
    return this.#url;
  }

  // 0 where it is not known.
  get duration() {
    return Number.isFinite(this.#video.duration) ? this.#video.duration : 0;
  }

  // A file, or null for none.
  load(file) {
    if (this.#url) URL.revokeObjectURL(this.#url);
    // An empty file is for the service to refuse; a player complains of it in the console.
    this.#url = file?.size ? URL.createObjectURL(file) : null;
    this.#until = Infinity;
    this.#frame = USUAL_FRAME;
    if (this.#url) this.#video.src = this.#url;
    else this.#video.removeAttribute("src");
    this.#video.load();
  }

  seek(seconds) {
    if (this.#url) this.#video.currentTime = seconds;
  }

  pause() {
    this.#video.pause();
  }

  // Plays from `start`, and stops at the last frame before `end`.
  play(start, end) {
    if (!this.#url) return;
    this.#video.currentTime = start;
    // A player may round what it is given.
    this.#from = start - this.#frame;
    this.#until = end;
    this.#video.play().catch(() => {}); // of a file that the browser cannot play the page says so already
  }

  #watch() {
    if (this.#watching) return;
    this.#watching = true;
    const { requestVideoFrameCallback: byFrame } = this.#video;
    if (byFrame) byFrame.call(this.#video, (_, { mediaTime }) => this.#seen(mediaTime));
    else requestAnimationFrame(() => this.#seen(this.#video.currentTime));
  }

  #seen(seconds) {
    this.#watching = false;
    const passed = seconds - this.#last;
    if (passed > 0.001 && passed < this.#frame) this.#frame = passed;
    this.#last = seconds;
    if (seconds + this.#frame >= this.#until) this.#stop();
    if (!this.#video.paused) this.#watch();
    this.#on.time(seconds, !this.#video.paused);
  }

  // By the time a player has stopped it may show the next frame.
  #stop() {
    const last = this.#until - this.#frame / 2;
    this.#video.pause();
    this.#video.currentTime = last;
  }
}
