// The page: takes its token, finds its session, and shows a raster or a volume.

import { chooseSession, chosenSession, forgetSession, get, post, ServerError, takeSecrets } from "./api.js";
import { host } from "./host.js";
import { Session } from "./session.js";
import { alarm, calm, guarded, make } from "./ui.js";

const SYNC_MS = 10_000;
const byId = (id) => document.getElementById(id);

/** The screen without a session: those that are open, and a form that opens one. */
async function choose(note) {
  const card = byId("start");
  const open = await get("/v1/sessions");
  const path = make("input", { type: "text", required: true, placeholder: "/data/field.tif" });
  const kind = make("select", {}, make("option", { value: "raster" }, "a raster"), make("option", { value: "volume" }, "a volume (CT, MR, …)"));
  const send = guarded(async (event) => {
    event.preventDefault();
    const about = await post("/v1/sessions", { kind: kind.value, path: path.value });
    chooseSession(about.session);
    await show();
  });
  card.replaceChildren(
    make("h2", {}, "Open an image"),
    note ? make("p", {}, note) : "",
    ...(open.length ? [make("p", {}, "Open on this server:"), make("div", { class: "row" },
      ...open.map((each) => make("button", {
        onclick: guarded(async () => { chooseSession(each.session); await show(); }),
      }, `${each.source.name} (${each.session})`)))] : []),
    make("form", { onsubmit: send },
      make("label", {}, "Kind", kind),
      make("label", {}, "Path, in a folder that the server was started with (--root)", path),
      make("button", { class: "main" }, "Open")));
  card.hidden = false;
}

/** Show the chosen session. */
async function show() {
  let about;
  try {
    about = await get(`/v1/sessions/${chosenSession()}`);
  } catch (error) {
    if (!(error instanceof ServerError) || error.status !== 404) throw error;
    forgetSession();
    await choose("The session is over: it was closed, or nobody used it for long. Open the image again.");
    return;
  }
  byId("start").hidden = true;
  const name = about.kind === "volume" ? "Volume" : about.source.name;
  byId("title").textContent = name;
  document.title = `${name} – sam-geomed`;
  byId("about").textContent = `by ${about.model}`;
  byId("panel").hidden = false;
  const session = new Session(about);
  const { start } = await import(about.kind === "raster" ? "./raster.js" : "./volume.js");
  // for the console of the browser, and for tests
  window.samPage = await start(session);
  await session.sync();
  document.body.dataset.ready = "true";
  keepUp(session);
}

/** Ask for the objects now and then: another tab or program may have changed them. */
function keepUp(session) {
  let isLost = false;
  let isOver = false;
  const look = async () => {
    if (document.hidden || isOver) return;
    try {
      await session.inTurn(() => session.sync({ onlyChanges: true }));
      if (isLost) calm();
      isLost = false;
    } catch (error) {
      isLost = true;
      isOver = error.status === 404;
      if (isOver) {
        alarm("This session is over: it was closed, or nobody used it for long. What was not saved is gone.",
          () => host.reload());
      } else {
        alarm(error, look);
      }
    }
  };
  setInterval(look, SYNC_MS);
  document.addEventListener("visibilitychange", look);
  addEventListener("focus", look);
}

takeSecrets();
// a second address with another token in the same tab
addEventListener("hashchange", () => { takeSecrets(); host.reload(); });
(chosenSession() ? show() : choose()).catch((error) => alarm(error, () => host.reload()));
