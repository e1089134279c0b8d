// Pointers, wheel and fingers on a timeline to what they mean.

const CLICK_PIXELS = 5;
const WHEEL_ZOOM = 0.002;
const LINE_PIXELS = 16;

// `on`: { hover(x, y) or hover(null), click(x, y), range(x1, x2), ranged(), zoom(factor, x), pan(pixels) }.
// A mouse drags a range, a finger what is seen; two fingers zoom.
export class Gestures {
  #box;
  #on;
  #canZoom;
  #pointers = new Map();
  #dragged = false;

  // `canZoom(deltaY)`: whether a wheel without a key is for the timeline and not for the page.
  constructor(box, on, canZoom) {
    this.#box = box;
    this.#on = on;
    this.#canZoom = canZoom;
    box.addEventListener("pointerdown", (event) => this.#down(event));
    box.addEventListener("pointermove", (event) => this.#move(event));
    box.addEventListener("pointerup", (event) => this.#up(event, true));
    box.addEventListener("pointercancel", (event) => this.#up(event, false));
    box.addEventListener("pointerleave", () => on.hover(null));
    box.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  #at(event) {
    const { left, top } = this.#box.getBoundingClientRect();
    return { x: event.clientX - left - this.#box.clientLeft, y: event.clientY - top - this.#box.clientTop };
  }

  #down(event) {
    if (event.button !== 0) return;
    const at = this.#at(event);
    this.#box.setPointerCapture(event.pointerId);
    this.#dragged = this.#pointers.size > 0;
    this.#pointers.set(event.pointerId, { from: at.x, ...at });
  }

  #move(event) {
    const at = this.#at(event);
    const held = this.#pointers.get(event.pointerId);
    if (!held) return this.#on.hover(at.x, at.y);
    if (Math.abs(at.x - held.from) > CLICK_PIXELS) this.#dragged = true;
    if (this.#pointers.size > 1) this.#pinch(held, at);
    else if (this.#dragged && event.pointerType === "touch") this.#on.pan(held.x - at.x);
    else if (this.#dragged) this.#on.range(held.from, at.x);
    return Object.assign(held, at);
  }

  // The finger that moved, and the one that rests.
  #pinch(held, at) {
    const other = [...this.#pointers.values()].find((each) => each !== held);
    const before = Math.max(10, Math.abs(held.x - other.x));
    const after = Math.max(10, Math.abs(at.x - other.x));
    this.#on.zoom(before / after, other.x);
  }

  #up(event, counts) {
    if (!this.#pointers.delete(event.pointerId) || !counts || this.#pointers.size) return;
    const { x, y } = this.#at(event);
    if (!this.#dragged) this.#on.click(x, y);
    else if (event.pointerType !== "touch") this.#on.ranged();
  }

  #wheel(event) {
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PIXELS : 1;
    const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    const zooms = event.ctrlKey || event.metaKey;
    if (!zooms && Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) this.#on.pan(sideways * unit);
    else if (zooms || this.#canZoom(event.deltaY)) {
      // A pinch on a touch pad comes as a wheel with Ctrl, in smaller steps.
      const speed = WHEEL_ZOOM * (event.ctrlKey && Math.abs(event.deltaY) < 50 ? 5 : 1);
      this.#on.zoom(Math.exp(event.deltaY * unit * speed), this.#at(event).x);
    } else return;
    event.preventDefault();
  }
}
