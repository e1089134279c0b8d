// Small pictures of a video along its timeline, taken from a second player of the same file that nobody sees.

const HEIGHT = 48;
const DEFAULT_ASPECT = 16 / 9;
const MOST_KEPT = 600;
// Of the device's own pixels, for sharp pictures on fine screens.
const SHARPNESS = 2;

export class Pictures {
  #player = document.createElement("video");
  #kept = new Map();
  #wanted = [];
  #taking = null;
  #onPicture;

  // `onPicture` is called when there is one more, and when it turns out that there are any at all.
  constructor(onPicture) {
    this.#onPicture = onPicture;
    this.#player.muted = true;
    this.#player.preload = "auto";
    this.#player.addEventListener("loadeddata", () => this.#next());
    this.#player.addEventListener("seeked", () => this.#take());
  }

  // The address of a video's file, or null.
  set source(url) {
    this.#kept.clear();
    this.#wanted = [];
    this.#taking = null;
    if (url) this.#player.src = url;
    else this.#player.removeAttribute("src");
    this.#player.load();
  }

  // Whether the browser can show the video at all.
  get possible() {
    return this.#player.videoWidth > 0;
  }

  // What there is for the part that a scale shows: { x, width, picture }; what is missing is taken from now on.
  along(scale) {
    const step = this.#step(scale);
    const slots = [];
    this.#wanted = [];
    for (let index = Math.floor(scale.start / step); index * step < scale.end; index++) {
      const seconds = (index + 0.5) * step;
      const picture = this.#kept.get(seconds);
      if (!picture && seconds < this.#player.duration) this.#wanted.push(seconds);
      slots.push({ x: scale.x(index * step), width: (step / scale.span) * scale.width, picture });
    }
    this.#next();
    return slots;
  }

  // Seconds from one to the next: powers of two, so that a small move or zoom needs no new ones.
  #step(scale) {
    const width = HEIGHT * (this.possible ? this.#player.videoWidth / this.#player.videoHeight : DEFAULT_ASPECT);
    return 2 ** Math.floor(Math.log2((width / scale.width) * scale.span));
  }

  #next() {
    if (this.#taking !== null || !this.possible || !this.#wanted.length) return;
    this.#taking = this.#wanted.shift();
    this.#player.currentTime = this.#taking;
  }

  #take() {
    if (this.#taking === null) return;
    const height = HEIGHT * SHARPNESS;
    const width = Math.round((height * this.#player.videoWidth) / this.#player.videoHeight);
    const picture = Object.assign(document.createElement("canvas"), { width, height });
    picture.getContext("2d").drawImage(this.#player, 0, 0, width, height);
    this.#kept.set(this.#taking, picture);
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value);
    this.#taking = null;
    this.#onPicture();
    this.#next();
  }
}
