// How long a video is, as the browser says.

const PATIENCE_MS = 5000;

// Seconds; 0 for what the browser cannot read, or not soon.
export function durationOf(file) {
  const video = document.createElement("video");
  const url = URL.createObjectURL(file);
  const known = new Promise((resolve) => {
    video.onloadedmetadata = () => resolve(Number.isFinite(video.duration) ? video.duration : 0);
    video.onerror = () => resolve(0);
    setTimeout(() => resolve(0), PATIENCE_MS);
  });
  Object.assign(video, { preload: "metadata", src: url });
  return known.finally(() => {
    video.removeAttribute("src");
    URL.revokeObjectURL(url);
  });
}
