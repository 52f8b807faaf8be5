// Small parts of the page: elements, messages, and jobs with progress.

import { follow, post, remove } from "./api.js";
import { host } from "./host.js";

const byId = (id) => document.getElementById(id);

/** An element with attributes and children; `on...` attributes are listeners. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Run a script of a library, which sets a global of its own name. */
export async function loadScript(path) {
  const src = await host.address(path);
  await new Promise((resolve, reject) => {
    const failed = () => reject(new Error(`${path} cannot be loaded.`));
    document.head.append(make("script", { src, onload: resolve, onerror: failed }));
  });
}

/** A named part of the panel. */
export function section(title, ...children) {
  const heading = make("h2", {}, title);
  return make("section", {}, heading, ...children);
}

const NAMED_BANDS = 12;
/** Names of the bands that a job used, as text. */
export function bandsText(names) {
  const shown = names.slice(0, NAMED_BANDS).join(", ");
  const more = names.length > NAMED_BANDS ? ` and ${names.length - NAMED_BANDS} more` : "";
  return `${names.length} ${names.length === 1 ? "band" : "bands"} of the file: ${shown}${more}`;
}

/** Tell what has happened, in the line at the bottom. */
export function tell(text) {
  byId("message").textContent = text;
}

/** Show where the pointer is. */
export function showPlace(text) {
  byId("place").textContent = text;
}

/** Show an error in words; `again` adds a button that tries once more. */
export function alarm(error, again) {
  const box = byId("alert");
  const text = error instanceof Error ? error.message : String(error);
  const close = () => { box.hidden = true; };
  const buttons = [make("button", { onclick: close }, "Close")];
  if (again) buttons.unshift(make("button", { onclick: () => { close(); again(); } }, "Try again"));
  box.replaceChildren(make("p", {}, text), ...buttons);
  box.hidden = false;
}

/** Take an error away that no longer holds. */
export function calm() {
  byId("alert").hidden = true;
}

/** Call a function of a button or key; what goes wrong is told in words. */
export const guarded = (work) => async (...given) => {
  try {
    return await work(...given);
  } catch (error) {
    if (error.name !== "AbortError") alarm(error);
    return undefined;
  }
};

/** Show that the server is at work, from the moment when that is worth telling. */
let waiting = 0;
export async function working(text, promise) {
  const sign = byId("working");
  waiting += 1;
  const timer = setTimeout(() => { sign.textContent = text; sign.hidden = false; }, 350);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    waiting -= 1;
    if (!waiting) sign.hidden = true;
  }
}

const PARTS = ", in hundredths";
/** How far a job is, in words. */
function progressText({ done, total, what = "" }) {
  if (!what?.endsWith(PARTS)) return `${Math.floor(done)} of ${total} ${what ?? ""}`;
  const share = `${Math.floor((100 * done) / total)} %`;
  return total > 100 ? `${share}, ${Math.floor(done / 100)} of ${total / 100} ${what.slice(0, -PARTS.length)}` : share;
}

/** Run a job with its progress and a button that cancels it, in an element of the panel.
 *  Gives the final state of the job; null where it was cancelled. */
export async function runJob(request, place, label) {
  const { job } = await post("/v1/jobs", request);
  const bar = make("progress", { "aria-label": label });
  const text = make("p", { class: "quiet" }, `${label} …`);
  const cancel = make("button", { onclick: guarded(() => remove(`/v1/jobs/${job}`)) }, "Cancel");
  place.replaceChildren(text, make("div", { class: "row" }, bar, cancel));
  tell(`${label} …`);
  let last = null;
  try {
    await follow(`/v1/jobs/${job}/events`, (_kind, facts) => {
      last = facts;
      if (facts.total > 0) {
        bar.max = facts.total;
        bar.value = facts.done;
        text.textContent = `${label}: ${progressText(facts)}`;
      }
    });
  } finally {
    place.replaceChildren();
  }
  if (last?.state === "failed") throw new Error(last.message ?? `${label} failed.`);
  if (last?.state !== "done") {
    tell(`${label}: cancelled.`);
    return null;
  }
  return last;
}

/** The toolbar: buttons of which one of a group is pressed. */
export class Tools {
  constructor(names, chosen) {
    this.bar = byId("tools");
    this.bar.hidden = false;
    this.onchange = () => {};
    this.buttons = new Map(names.map(({ id, label, key, off }) => [id, make("button", {
      "aria-pressed": "false", title: off ?? label, disabled: Boolean(off),
      onclick: () => this.choose(id),
    }, label, make("kbd", { "aria-hidden": "true" }, key))]));
    this.bar.append(...this.buttons.values());
    this.choose(chosen);
  }

  choose(id) {
    const button = this.buttons.get(id);
    if (!button || button.disabled) return;
    this.chosen = id;
    for (const [name, each] of this.buttons) each.setAttribute("aria-pressed", String(name === id));
    this.onchange(id);
  }

  /** Add an ordinary button. */
  add(label, key, onclick) {
    const button = make("button", { onclick }, label, key ? make("kbd", { "aria-hidden": "true" }, key) : null);
    this.bar.append(button);
    return button;
  }

  gap() {
    this.bar.append(make("span", { class: "gap" }));
  }
}

/** Keys of the page, which do nothing while a person types. */
export function keys(actions) {
  addEventListener("keydown", (event) => {
    // sliders and colours take no letters
    if (event.target.closest("input:not([type=range], [type=color]), select, textarea") || event.altKey) return;
    const held = event.ctrlKey || event.metaKey;
    const name = `${held ? "ctrl+" : ""}${event.shiftKey && held ? "shift+" : ""}${event.key.toLowerCase()}`;
    if (!(name in actions)) return;
    event.preventDefault();
    actions[name]();
  });
}
