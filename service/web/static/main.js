import { drawBars } from "./bars.js";
import { classify, health, Problem } from "./client.js";
import { Colours } from "./colours.js";
import { percent, time, Timeline } from "./timeline.js";

const VOTES_SHOWN = 8;
const $ = (id) => document.getElementById(id);
const player = $("player");

let colours = new Colours();
let running = null;
let votes = new Map();
let until = Infinity;

const timeline = new Timeline($("timeline"), $("playhead"), { colours, onSelect: showClip, onPlay: playClip });

function showClip(clip) {
  $("clip-title").textContent = `Clip ${clip.index + 1}: ${time(clip.start_seconds)} – ${time(clip.end_seconds)}`;
  const rows = clip.top.map(({ label, probability }) => ({ label, figure: percent(probability), share: probability }));
  drawBars($("top"), rows, colours);
}

function playClip(clip) {
  until = clip.end_seconds;
  player.currentTime = clip.start_seconds;
  player.play().catch(() => {}); // a file the browser cannot play; the page says so already
}

function countVote(label) {
  votes.set(label, (votes.get(label) ?? 0) + 1);
  const most = [...votes].sort(([, a], [, b]) => b - a).slice(0, VOTES_SHOWN);
  const total = [...votes.values()].reduce((sum, count) => sum + count, 0);
  const rows = most.map(([name, count]) => ({ label: name, figure: `${count} of ${total}`, share: count / total }));
  drawBars($("votes"), rows, colours);
}

function reset(file) {
  colours = new Colours();
  timeline.colours = colours;
  timeline.clear();
  votes = new Map();
  until = Infinity;
  for (const id of ["verdict", "top", "votes"]) $(id).replaceChildren();
  $("clip-title").textContent = "Clip";
  $("work-title").textContent = file.name;
  for (const id of ["problem", "choose", "more", "again", "unplayable"]) $(id).hidden = true;
  for (const id of ["work", "progress", "cancel", "player"]) $(id).hidden = false;
  URL.revokeObjectURL(player.src);
  player.removeAttribute("src");
  // An empty file is for the service to refuse; a player complains of it in the console.
  if (file.size) player.src = URL.createObjectURL(file);
}

function stage(text, share) {
  $("stage").textContent = text;
  if (share === undefined) $("bar").removeAttribute("value");
  else $("bar").value = share;
}

function taken(clip) {
  colours.give(clip.label);
  timeline.add(clip);
  countVote(clip.label);
  const known = Number.isFinite(player.duration) ? Math.min(1, clip.end_seconds / player.duration) : undefined;
  stage(`Classifying: ${clip.index + 1} clips`, known);
}

async function start(file) {
  reset(file);
  stage("Uploading", 0);
  running = classify(file, {
    onUpload: (share) => stage(`Uploading: ${percent(share)}`, share),
    onUploaded: () => stage("Classifying"),
    onClip: taken,
  });
  $("cancel").focus();
  try {
    finish(await running.done, file);
  } catch (error) {
    fail(error);
  }
}

function finish(result, file) {
  const { event: _, ...answer } = result;
  timeline.seconds = answer.video.duration_seconds;
  const strong = document.createElement("strong");
  strong.textContent = answer.label;
  const rest = document.createElement("span");
  const clips = answer.clips.length;
  const damaged = answer.video.partial ? " Damaged parts of the video were skipped." : "";
  rest.textContent =
    `${answer.votes} of ${clips} ${clips === 1 ? "clip" : "clips"}, confidence ${percent(answer.confidence)}. ` +
    `${answer.video.frames} frames in ${time(answer.timing.total_ms / 1000)}.${damaged}`;
  $("verdict").append(strong, rest);
  $("json").textContent = JSON.stringify(answer, null, 2);
  $("curl").textContent = `curl -F file=@${quoted(file.name)} ${new URL("classify", location.href)}`;
  for (const id of ["progress", "cancel"]) $(id).hidden = true;
  for (const id of ["more", "again"]) $(id).hidden = false;
  if (document.activeElement === document.body) $("again").focus();
}

function quoted(name) {
  return /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

function fail(error) {
  home();
  if (error.name === "AbortError") return;
  $("problem-title").textContent = error instanceof Problem ? error.title : "Something went wrong";
  $("problem-detail").textContent = error.message;
  $("problem-id").textContent = error.id ? `Request ${error.id}` : "";
  $("problem").hidden = false;
}

function home() {
  for (const id of ["work", "problem"]) $(id).hidden = true;
  $("choose").hidden = false;
  $("file").value = "";
  $("file").focus();
  player.removeAttribute("src");
  player.load();
}

async function startSample(name) {
  const answer = await fetch(`static/samples/${name}`);
  if (!answer.ok) return fail(new Error(`The sample is missing (${answer.status}).`));
  return start(new File([await answer.blob()], name, { type: "video/mp4" }));
}

async function copy(button) {
  await navigator.clipboard.writeText($(button.dataset.copies).textContent);
  const before = button.firstChild.textContent;
  button.firstChild.textContent = "Copied";
  setTimeout(() => { button.firstChild.textContent = before; }, 2000);
}

async function showModel() {
  try {
    const { status, reason, model } = await health();
    $("model").textContent = model ? `${model.name} · ${model.architecture} · ${model.backend} ${model.precision}` : `${status}: ${reason}`;
  } catch {
    $("model").textContent = "The service does not answer.";
  }
}

$("file").addEventListener("change", () => $("file").files.length && start($("file").files[0]));
$("cancel").addEventListener("click", () => running.cancel());
$("again").addEventListener("click", home);
document.querySelectorAll("[data-sample]").forEach((button) => button.addEventListener("click", () => startSample(button.dataset.sample)));
document.querySelectorAll(".copy").forEach((button) => button.addEventListener("click", () => copy(button)));
player.addEventListener("loadedmetadata", () => { timeline.seconds = Number.isFinite(player.duration) ? player.duration : 0; });
player.addEventListener("error", () => {
  if (!player.getAttribute("src")) return;
  player.hidden = true;
  $("unplayable").hidden = false;
});
player.addEventListener("timeupdate", () => {
  timeline.playing(player.currentTime);
  if (player.currentTime >= until) {
    player.pause();
    until = Infinity;
  }
});

const drop = $("drop");
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragenter" || name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) start(event.dataTransfer.files[0]);
  });
}
showModel();
