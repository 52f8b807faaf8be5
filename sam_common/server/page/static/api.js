// Requests to the server: the token, errors in words, and server-sent events.

import { host } from "./host.js";

const TOKEN = "token";
const SESSION = "session";

/** An error that a person can read; `kind` is the server's name of it, or `lost`. */
export class ServerError extends Error {
  constructor(message, kind, status = 0) {
    super(message);
    this.kind = kind;
    this.status = status;
  }
}

/** Take token and session out of the address bar, and keep them for this tab. */
export function takeSecrets() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of [TOKEN, SESSION]) {
    // any page can lead a browser here with a fragment of its own
    if (/^[\w-]{1,64}$/.test(given.get(name) ?? "")) host.memory.setItem(name, given.get(name));
  }
  if (given.has(TOKEN) && !given.has(SESSION)) host.memory.removeItem(SESSION);
  if (location.hash) history.replaceState(null, "", location.pathname);
}

/** The session that this tab shows, null where none was chosen. */
export const chosenSession = () => host.memory.getItem(SESSION);
export const chooseSession = (id) => host.memory.setItem(SESSION, id);
export const forgetSession = () => host.memory.removeItem(SESSION);

async function refusal(response) {
  let told = {};
  try {
    told = (await response.json()).error ?? {};
  } catch {
    // an answer that is not of the server: its status alone is told
  }
  if (response.status === 401) {
    return new ServerError(
      "This tab has no valid key for the server. Open the address that the command printed.",
      "TokenError", 401);
  }
  return new ServerError(
    told.message ?? `The server answered ${response.status}.`, told.type ?? "HTTPError",
    response.status);
}

/** Send a request; the answer as a Response, or a ServerError. */
export async function ask(method, path, body, options = {}) {
  const headers = { Authorization: `Bearer ${host.memory.getItem(TOKEN) ?? ""}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await host.send(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store", credentials: "omit", ...options,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError(host.lost, "lost");
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

export const get = async (path) => (await ask("GET", path)).json();
export const post = async (path, body, options) => (await ask("POST", path, body ?? {}, options)).json();
export const remove = async (path) => (await ask("DELETE", path)).json();

/** Follow server-sent events; calls `heard(kind, facts)` until the stream ends. */
export async function follow(path, heard) {
  const response = await ask("GET", path);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch {
      throw new ServerError("The connection to the server broke while it was at work.", "lost");
    }
    if (part.done) return;
    const blocks = (rest + part.value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const kind = /^event: (.*)$/m.exec(block);
      const data = /^data: (.*)$/m.exec(block);
      if (kind && data) heard(kind[1], JSON.parse(data[1]));
    }
  }
}

/** Save a file of a job as a download of the browser. */
export async function save(job, name, saved) {
  const blob = await (await ask("GET", `/v1/jobs/${job}/results/${encodeURIComponent(name)}`)).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = saved;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
