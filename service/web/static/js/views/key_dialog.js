// Asks for the service's API key.

import { byId } from "../dom.js";

// Resolves to a key, or to null. `wrong`: one was given, and refused.
export function askKey(wrong) {
  const dialog = byId("key-dialog");
  const input = byId("key");
  byId("key-wrong").hidden = !wrong;
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  input.focus();
  const done = new AbortController();
  const on = (id, name, act) => byId(id).addEventListener(name, act, { signal: done.signal });
  return new Promise((resolve) => {
    on("key-form", "submit", (event) => {
      event.preventDefault();
      dialog.close(input.value);
    });
    on("key-cancel", "click", () => dialog.close());
    on("key-dialog", "close", () => {
      done.abort();
      resolve(dialog.returnValue || null);
    });
  });
}
