// Everything: the objects that a job finds by itself, each with an outline and a row of its own, of
// which a person keeps those that are wanted.

import { get, save } from "./api.js";
import { host } from "./host.js";
import { areaText, colourOf, outlineStyle } from "./outlines.js";
import { maskOf } from "./runs.js";
import { guarded, make, runJob, section, tell } from "./ui.js";

const LISTED = 100;
const MOST_KEPT = 500;
const count = (number) => number.toLocaleString("en");
const objectsText = (number) => `${count(number)} ${number === 1 ? "object" : "objects"}`;

/** A section of the panel, and what the tool that picks asks of it. `board` draws: see `raster.js`. */
export function everythingPanel(session, board) {
  const key = `everything ${session.id}`;
  const layer = board.outlines((feature) => feature.get("style"), 1);
  const progress = make("div");
  const text = make("p", { class: "quiet" });
  const find = make("button", {}, "Find everything");
  const body = make("tbody");
  const table = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Objects that were found" }, make("table", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Found"),
      ...["Area", "Score"].map((name) => make("th", { scope: "col", class: "number" }, name)), make("th", { scope: "col", "aria-label": "Keep" }))), body));
  const all = make("button", { onclick: guarded(() => keep(open())) });
  const result = make("div", { hidden: true }, table, make("div", { class: "row" }, all,
    make("button", { onclick: guarded(() => save(job, "objects.gpkg", `${board.stem}-everything.gpkg`)) }, "GeoPackage of all"),
    make("button", { onclick: () => { host.memory.removeItem(key); show(null, []); } }, "Hide")));
  const panel = section("Everything", make("div", { class: "row" }, find), progress, text, result);
  let job = null;
  let total = 0;
  let found = [];
  let drawn = null;

  // what was kept is found again where keeping it was undone
  const open = () => {
    const there = new Set(session.objects.map((each) => each.object));
    return found.filter((each) => !there.has(each.kept));
  };
  const remember = () => host.memory.setItem(key, JSON.stringify({
    job, kept: found.filter((each) => each.kept).map((each) => [each.number, each.kept]),
  }));
  const sizeText = ({ facts }) => areaText(facts.area_px, facts.area_m2);
  const scoreText = ({ facts }) => (typeof facts.score === "number" ? facts.score.toFixed(2) : "–");

  const row = (each) => {
    const swatch = make("span", { class: "swatch" });
    swatch.style.background = colourOf(each.number - 1);
    const light = (feature) => () => board.light(feature);
    return make("tr", { onpointerenter: light(each.feature), onpointerleave: light(null), onfocusin: light(each.feature), onfocusout: light(null) },
      make("td", {}, make("button", { class: "plain", title: "Show it on the image", onclick: () => board.zoom(each.feature) }, swatch, `found ${each.number}`)),
      make("td", { class: "number" }, sizeText(each)),
      make("td", { class: "number" }, scoreText(each)),
      make("td", {}, make("button", { "aria-label": `Keep found ${each.number}`, onclick: guarded(() => keep([each])) }, "Keep")));
  };
  const draw = () => {
    const now = open();
    panel.firstChild.textContent = job === null ? "Everything" : `Everything (${count(total)})`;
    result.hidden = job === null || !found.length;
    all.textContent = `Keep ${count(now.length)} as objects`;
    all.disabled = !now.length || now.length > MOST_KEPT;
    all.title = now.length > MOST_KEPT ? `Up to ${MOST_KEPT} are kept at once; save them all as a GeoPackage.` : "";
    // every click fires this, and twenty thousand outlines are not put in anew for nothing
    const shown = new Set(now);
    const wanted = JSON.stringify([job, found.filter((each) => !shown.has(each)).map((each) => each.number)]);
    if (wanted === drawn) return;
    drawn = wanted;
    const source = layer.getSource();
    source.clear(true);
    source.addFeatures(now.map((each) => each.feature));
    board.light(null);
    body.replaceChildren(...now.slice(0, LISTED).map(row));
  };

  /** Show the outlines of a job, the largest first; none where the job is null. */
  const show = (newJob, features, newTotal = features.length) => {
    job = newJob;
    total = newTotal;
    found = features.map((each) => ({ geometry: each.geometry, facts: each.properties, feature: board.outline(each.geometry) }))
      .sort((a, b) => b.feature.get("size") - a.feature.get("size"));
    found.forEach((each, n) => {
      each.number = n + 1;
      each.feature.set("style", outlineStyle(colourOf(n), 2));
      each.feature.set("found", each);
    });
    const notes = [
      found.length < total ? `${count(found.length)} of them are drawn.` : "",
      found.length > LISTED ? `The ${LISTED} largest are listed.` : "",
      "To keep one among your objects, choose Pick and click it, or use its Keep.",
    ];
    text.textContent = job === null ? "Finds every object by itself. It takes long on a large image."
      : [`${objectsText(total)} found, the largest first.`, ...(found.length ? notes : [])].filter(Boolean).join(" ");
    draw();
    board.onfound(found.length > 0);
  };
  const load = async (id) => {
    const answer = await get(`${session.path}/outlines/${id}`);
    show(id, answer.features, answer.total);
  };

  /** Keep some of them as objects of the chosen class, as they are, in one step. */
  const keep = async (list) => {
    const name = session.chosenClass;
    const masked = list.flatMap((each) => {
      const mask = maskOf(each.geometry, session.about.size);
      return mask ? [{ each, mask }] : [];
    });
    const names = session.newNames(name, masked.length);
    const change = await session.edit({ op: "add_objects", objects: masked.map(({ mask }, n) => ({ name: names[n], class: name, mask })) });
    change.changed.forEach(({ object }, n) => { masked[n].each.kept = object; });
    remember();
    // a click that follows finds the outlines of what was kept
    await board.settled();
    if (change.changed.length === 1) session.choose(change.changed[0].object);
    else draw();
    tell(change.changed.length === 1 ? `${names[0]} is kept: ${sizeText(list[0])}. Undo takes it back.`
      : `${objectsText(change.changed.length)} are kept. Undo takes them back.`);
  };

  find.addEventListener("click", guarded(async () => {
    find.disabled = true;
    try {
      const done = await runJob({ kind: "automatic", session: session.id }, progress, "Finding everything");
      if (done === null) return;
      await load(done.job);
      remember();
      tell(`${objectsText(total)} found.`);
    } finally {
      find.disabled = false;
    }
  }));
  /** Show what was found before the page was loaded anew, where the server still has it. */
  const restore = async () => {
    const known = JSON.parse(host.memory.getItem(key) ?? "null");
    if (known === null) return;
    try {
      await load(known.job);
    } catch (error) {
      if (error.status !== 404) throw error;
      host.memory.removeItem(key);
      return;
    }
    const kept = new Map(known.kept);
    for (const each of found) each.kept = kept.get(each.number);
    draw();
  };
  session.addEventListener("objects", draw);
  show(null, []);
  return {
    panel,
    restore,
    layer,
    /** What was found, of a feature of the layer, in words. */
    told: (feature) => `found ${feature.get("found").number}: ${sizeText(feature.get("found"))}, score ${scoreText(feature.get("found"))}`,
    keep: (feature) => keep([feature.get("found")]),
  };
}
