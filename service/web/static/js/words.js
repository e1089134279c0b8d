// Numbers in words, the same everywhere on the page.

export function percent(share) {
  return `${Math.round(share * 100)}%`;
}

// Such as 0:04.3 or 1:02:03; without `decimals` whole seconds.
export function clock(seconds, decimals = 1) {
  const factor = 10 ** decimals;
  const rounded = Math.round(Math.max(0, seconds) * factor) / factor;
  const minutes = Math.floor(rounded / 60);
  const rest = (rounded % 60).toFixed(decimals).padStart(decimals ? decimals + 3 : 2, "0");
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

// How long something takes, as one would say it.
export function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

// Such as 3,375.
export function grouped(number) {
  return number.toLocaleString("en");
}

export function count(number, noun) {
  return `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;
}

// "a, b and c"; of many the first ones.
export function list(words, most = 4) {
  const shown = words.length > most ? [...words.slice(0, most - 1), `${words.length - most + 1} more`] : words;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}
