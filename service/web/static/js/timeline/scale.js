// The part of a video that is seen, and where its seconds are in pixels.

const LEAST_SECONDS = 0.5;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600];

export class Scale {
  total = 0;
  start = 0;
  end = 0;
  width = 1;

  get span() {
    return this.end - this.start || 1;
  }

  get isWhole() {
    return this.end - this.start >= this.total - 1e-9;
  }

  // Pixels from the left edge.
  x(seconds) {
    return ((seconds - this.start) / this.span) * this.width;
  }

  seconds(x) {
    return this.start + (x / this.width) * this.span;
  }

  // The video is this long. Who sees all of it goes on seeing all.
  setTotal(total) {
    const whole = this.isWhole;
    this.total = total;
    if (whole) this.show(0, total);
    else this.show(this.start, this.end);
  }

  // Shows this part, or the nearest there is of that length.
  show(start, end) {
    const span = Math.min(this.total, Math.max(LEAST_SECONDS, end - start));
    this.start = Math.min(Math.max(0, start), this.total - span);
    this.end = this.start + span;
  }

  // `factor` above 1 shows more; what is at `around` seconds stays where it is.
  zoom(factor, around) {
    const span = Math.min(this.total, Math.max(LEAST_SECONDS, this.span * factor));
    const share = (around - this.start) / this.span;
    this.show(around - share * span, around + (1 - share) * span);
  }

  pan(seconds) {
    this.show(this.start + seconds, this.end + seconds);
  }

  // Moves as little as shows this part.
  reveal(start, end) {
    if (start < this.start) this.pan(start - this.start);
    else if (end > this.end) this.pan(Math.min(end - this.end, start - this.start));
  }
}

// Seconds between marks of an axis that are at least `gap` pixels apart.
export function stepOf(scale, gap) {
  const least = (gap / scale.width) * scale.span;
  return STEPS.find((step) => step >= least) ?? Math.ceil(least / 21600) * 21600;
}
