// On the first screen: what the bundled model said of a sample, on a timeline as it will be.

import { byId } from "../dom.js";
import { labelsIn } from "../runs/summary.js";
import { TimelineBox } from "./timeline_box.js";

export async function showExample() {
  const answer = await (await fetch("static/samples/tour.json")).json();
  const box = new TimelineBox(byId("example-timeline"), {
    select: () => {},
    play: () => {},
    seek: () => {},
    only: () => {},
    range: () => {},
    classify: () => {},
  });
  const { clips, segments, video, sampling } = answer;
  box.timeline.data = { clips, segments, total: video.duration_seconds, threshold: sampling.threshold };
  box.legend.draw(labelsIn(segments));
}
