// A timeline's canvases: what changes with the view is drawn apart from what moves with player and pointer.

import { drawAxis, drawClips, drawPictures, drawSegments } from "./draw.js";
import { lanesOf } from "./lanes.js";
import { drawOverlay } from "./overlay.js";
import { Overview } from "./overview.js";
import { Surface } from "./surface.js";
import { onThemeChange, readTheme } from "./theme.js";

const BORDERS = 2;

export class Renderer {
  #box;
  #scale;
  #pictures;
  #still;
  #moving;
  #overview;
  #theme;

  // `parts`: the elements `box`, `still`, `moving`, `overviewStill`, `overviewMoving`. `redraw` asks for all to be drawn.
  constructor(parts, scale, pictures, redraw) {
    this.#box = parts.box;
    this.#scale = scale;
    this.#pictures = pictures;
    this.#still = new Surface(parts.still);
    this.#moving = new Surface(parts.moving);
    this.#overview = new Overview({ still: parts.overviewStill, moving: parts.overviewMoving }, scale, redraw);
    this.#theme = readTheme(parts.box);
    new ResizeObserver(redraw).observe(parts.box);
    onThemeChange(() => {
      this.#theme = readTheme(parts.box);
      redraw();
    });
  }

  get lanes() {
    return lanesOf({ pictures: this.#pictures.possible });
  }

  drawStill(state) {
    const { lanes } = this;
    const style = { theme: this.#theme, isLit: state.isLit, threshold: state.threshold };
    this.#box.style.height = `${lanes.height + BORDERS}px`;
    this.#scale.width = this.#still.width;
    const context = this.#still.clear(lanes.height);
    if (state.total) {
      if (lanes.pictures) drawPictures(context, this.#pictures.along(this.#scale), lanes.pictures, style);
      drawSegments(context, state.segments, this.#scale, lanes.segments, style);
      drawClips(context, state.clips, this.#scale, lanes.clips, style);
      drawAxis(context, this.#scale, lanes.axis, style);
    }
    this.#overview.drawStill(state, style);
    this.drawMoving(state);
  }

  drawMoving(state) {
    const { lanes } = this;
    const context = this.#moving.clear(lanes.height);
    if (!state.total) return;
    drawOverlay(context, this.#scale, lanes, { ...state, theme: this.#theme });
    this.#overview.drawMoving(state.playhead, this.#theme);
  }
}
