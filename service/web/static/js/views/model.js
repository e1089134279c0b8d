// Which model answers, and what it can name.

import { byId } from "../dom.js";
import { Names } from "./names.js";

const UNAUTHORIZED = 401;
const AGAIN_MS = 2000;

// Also once more when somebody wants to enter the key after all.
export async function showModel(service) {
  const names = new Names();
  byId("enter-key").addEventListener("click", () => showLabels(service, names));
  await showHealth(service);
  await showLabels(service, names);
}

// A service that starts is asked again until it has.
async function showHealth(service) {
  for (;;) {
    const { status, reason, model } = await service.health().catch(() => ({ status: "no answer", reason: "the service does not answer" }));
    const about = model && `${model.name} · ${model.architecture} · ${model.backend} ${model.precision}`;
    byId("model").textContent = about ?? `${status}: ${reason}`;
    if (status !== "starting") return;
    await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
  }
}

async function showLabels(service, names) {
  try {
    names.labels = await service.labels();
    byId("enter-key").hidden = true;
  } catch (error) {
    byId("enter-key").hidden = error.status !== UNAUTHORIZED;
    names.say(error.message);
  }
}
