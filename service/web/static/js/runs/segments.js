// Clips to segments by the service's own rule, for what has arrived before its answer.

// Runs of neighbouring clips with one label; a clip that is less sure than `threshold` is in none.
export function segmentsOf(clips, threshold = 0) {
  const found = [];
  let open = null;
  for (const clip of clips) {
    if (clip.probability < threshold) {
      open = null;
    } else if (open?.label === clip.label) {
      extend(open, clip);
    } else {
      open = begin(clip, found.at(-1));
      found.push(open);
    }
  }
  return found;
}

function begin(clip, before) {
  const segment = {
    label: clip.label,
    label_index: clip.label_index,
    start_seconds: clip.start_seconds,
    end_seconds: clip.end_seconds,
    start_frame: clip.start_frame,
    end_frame: clip.end_frame,
    clips: 1,
    confidence: clip.probability,
  };
  // Where clips of two labels overlap, the border is in the middle.
  if (before && before.end_frame > segment.start_frame) {
    before.end_seconds = segment.start_seconds = (before.end_seconds + segment.start_seconds) / 2;
    before.end_frame = segment.start_frame = Math.floor((before.end_frame + segment.start_frame) / 2);
  }
  return segment;
}

function extend(segment, clip) {
  segment.end_seconds = clip.end_seconds;
  segment.end_frame = clip.end_frame;
  segment.confidence = (segment.confidence * segment.clips + clip.probability) / (segment.clips + 1);
  segment.clips += 1;
}
