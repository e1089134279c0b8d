// A canvas that is as large as its place on the screen, in the screen's own pixels.

export class Surface {
  #canvas;
  #context;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  get width() {
    return this.#canvas.clientWidth || 1;
  }

  // An empty context to draw on, where 1 is a pixel of the style sheet.
  clear(height = this.#canvas.clientHeight) {
    const ratio = devicePixelRatio;
    const size = [Math.round(this.width * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== size[0] || this.#canvas.height !== size[1]) {
      [this.#canvas.width, this.#canvas.height] = size;
    }
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#context.clearRect(0, 0, this.width, height);
    return this.#context;
  }
}
