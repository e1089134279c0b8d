// The clips as a listbox: a bar each, at its place in the video, as high as its probability.

export class Timeline {
  #box;
  #playhead;
  #clips = [];
  #options = [];
  #seconds = 0;
  #selected = -1;
  #followed = true; // until the user picks a clip, the newest is shown

  constructor(box, playhead, { colours, onSelect, onPlay }) {
    Object.assign(this, { colours, onSelect, onPlay });
    this.#box = box;
    this.#playhead = playhead;
    box.addEventListener("keydown", (event) => this.#key(event));
    box.addEventListener("pointerover", (event) => this.#pointed(event, false));
    box.addEventListener("click", (event) => this.#pointed(event, true));
  }

  clear() {
    this.#options.forEach((option) => option.remove());
    this.#clips = [];
    this.#options = [];
    this.#seconds = 0;
    this.#selected = -1;
    this.#followed = true;
    this.#box.removeAttribute("aria-activedescendant");
    this.#playhead.hidden = true;
  }

  // How long the video is, once that is known.
  set seconds(value) {
    if (value <= this.#seconds) return;
    this.#seconds = value;
    this.#options.forEach((option, index) => this.#place(option, this.#clips[index]));
  }

  add(clip) {
    const option = document.createElement("div");
    const bar = document.createElement("i");
    option.id = `clip-${clip.index}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    option.setAttribute("aria-label", describe(clip));
    option.title = describe(clip);
    bar.style.height = `${Math.max(4, clip.probability * 90)}%`;
    bar.style.background = this.colours.of(clip.label);
    option.append(bar);
    this.#clips.push(clip);
    this.#options.push(option);
    this.#place(option, clip);
    this.seconds = clip.end_seconds;
    this.#box.append(option);
    if (this.#followed) this.#select(clip.index);
  }

  // Moves the line to where the player is.
  playing(seconds) {
    this.#playhead.hidden = !this.#seconds;
    this.#playhead.style.left = `${(100 * seconds) / this.#seconds}%`;
  }

  #place(option, clip) {
    const total = this.#seconds || clip.end_seconds;
    option.style.left = `${(100 * clip.start_seconds) / total}%`;
    option.style.width = `${(100 * (clip.end_seconds - clip.start_seconds)) / total}%`;
  }

  #select(index) {
    this.#options[this.#selected]?.setAttribute("aria-selected", "false");
    this.#selected = index;
    this.#options[index].setAttribute("aria-selected", "true");
    this.#box.setAttribute("aria-activedescendant", this.#options[index].id);
    this.onSelect(this.#clips[index]);
  }

  #pick(index) {
    this.#followed = false;
    if (index !== this.#selected) this.#select(index);
  }

  #pointed(event, plays) {
    const index = this.#options.indexOf(event.target.closest("[role=option]"));
    if (index < 0) return;
    this.#pick(index);
    if (plays) this.onPlay(this.#clips[index]);
  }

  #key(event) {
    if (!this.#clips.length) return;
    const last = this.#clips.length - 1;
    const steps = {
      ArrowRight: Math.min(last, this.#selected + 1),
      ArrowLeft: Math.max(0, this.#selected - 1),
      Home: 0,
      End: last,
    };
    if (event.key in steps) this.#pick(steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.onPlay(this.#clips[this.#selected]);
    else return;
    event.preventDefault();
  }
}

export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

export function time(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes}:${(seconds % 60).toFixed(1).padStart(4, "0")}` : `${seconds.toFixed(1)} s`;
}

function describe(clip) {
  return `Clip ${clip.index + 1}, ${time(clip.start_seconds)} to ${time(clip.end_seconds)}: ${clip.label}, ${percent(clip.probability)}`;
}
