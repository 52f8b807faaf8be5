// More like these: objects that are shown as examples, and candidates with their probabilities.

import { get, save } from "./api.js";
import { maskOf } from "./runs.js";
import { bandsText, guarded, make, runJob, section, tell } from "./ui.js";

const LEAST = 2;
const MOST_KEPT = 500;
const CHOICES = [["example", "an example"], ["refused", "something else"], ["", "not said"]];
const collection = (geometries) => ({
  type: "FeatureCollection", features: geometries.map((geometry) => ({ type: "Feature", properties: {}, geometry })),
});

/** A section of the panel. `board` draws: `outlines(style, zIndex)` adds a layer of
 *  them, `outline(geometry)` makes one of pixel corners, and `outlineOf(object)` gives those of an object. */
export function similarPanel(session, board) {
  const said = new Map();
  let candidates = [];
  let job = null;
  let hasSearched = false;
  const layer = board.outlines(new ol.style.Style({
    stroke: new ol.style.Stroke({ color: "#ff4fd8", width: 1.5 }), fill: new ol.style.Fill({ color: "#ff4fd81f" }),
  }), 1);
  const body = make("tbody");
  const list = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Examples", hidden: true }, make("table", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Object"), make("th", { scope: "col" }, "Is"))), body));
  const text = make("p", { class: "quiet" });
  const progress = make("div");
  const find = make("button", {}, "Find more like these");
  const least = make("input", { type: "range", min: "0", max: "1", step: "0.01", value: "0.5", "aria-label": "Least probability" });
  const number = make("output", { class: "quiet" });
  const keep = make("button", { class: "main" });
  const slider = make("div", { class: "row" }, make("span", { class: "quiet" }, "Probability"), least, number);
  const used = make("p", { class: "quiet" });
  const found = make("div", { hidden: true }, slider, used, make("div", { class: "row" }, keep,
    make("button", { onclick: guarded(() => save(job, "objects.gpkg", `${board.stem}-similar.gpkg`)) }, "GeoPackage of all"),
    make("button", { onclick: () => show([], null) }, "Hide")));

  const choiceOf = (each) => said.get(each.object) ?? (each.class === session.objects[0].class ? "example" : "");
  const chosen = (choice) => session.objects.filter((each) => choiceOf(each) === choice && board.outlineOf(each));
  const shown = () => candidates.filter(({ properties }) => properties.probability >= Number(least.value));

  const drawFound = () => {
    const now = shown();
    const source = layer.getSource();
    source.clear(true);
    source.addFeatures(now.map((each) => each.drawn));
    number.textContent = `${Number(least.value).toFixed(2)} and more`;
    keep.textContent = `Keep ${now.length.toLocaleString("en")} as objects`;
    keep.disabled = !now.length || now.length > MOST_KEPT;
    keep.title = now.length > MOST_KEPT ? `Up to ${MOST_KEPT} are kept here; save them all as a GeoPackage.` : "";
  };
  const show = (features, newJob) => {
    candidates = features;
    job = newJob;
    found.hidden = newJob === null;
    drawFound();
  };
  const drawList = () => {
    const { objects } = session;
    list.hidden = !objects.length;
    if (!body.contains(document.activeElement)) {
      body.replaceChildren(...objects.map((each) => {
        const choice = make("select", { class: "choice", "aria-label": `${each.name} is`, onchange: () => { said.set(each.object, choice.value); drawList(); } },
          ...CHOICES.map(([value, label]) => make("option", { value, selected: value === choiceOf(each) }, label)));
        return make("tr", {}, make("td", {}, each.name), make("td", {}, choice));
      }));
    }
    const count = objects.length ? chosen("example").length : 0;
    find.disabled = count < LEAST || progress.hasChildNodes();
    text.textContent = count < LEAST
      ? "Click on two objects or more; they are the examples. The first search finds everything and takes long on a large image, the next ones are quick."
      : `${count} examples. ${hasSearched ? "Say what is something else, and search again: that is quick."
        : "The first search finds everything and takes long on a large image, the next ones are quick."}`;
  };

  find.addEventListener("click", guarded(async () => {
    const shapes = (choice) => chosen(choice).map((each) => board.outlineOf(each));
    const refused = shapes("refused");
    find.disabled = true;
    try {
      const done = await runJob({
        kind: "similar", session: session.id, crs: "pixel", examples: collection(shapes("example")),
        ...(refused.length ? { refused: collection(refused) } : {}),
      }, progress, "Finding more like these");
      if (done === null) return;
      hasSearched = true;
      const table = await get(`${session.path}/outlines/${done.job}`);
      // what was shown is an object already, and what lies on a more probable candidate is none
      const open = table.features.filter(({ properties }) => properties.said === null && properties.covered_by === null);
      used.textContent = `Told apart by form, by what the network sees, and by ${bandsText(done.summary.bands)}.`;
      show(open.map((each) => ({ ...each, drawn: board.outline(each.geometry) })), done.job);
      tell([`${shown().length.toLocaleString("en")} of ${done.summary.candidates.toLocaleString("en")} candidates are probably alike.`, ...done.summary.notes].join(" "));
    } finally {
      drawList();
    }
  }));
  least.addEventListener("input", drawFound);
  keep.addEventListener("click", guarded(async () => {
    const now = shown();
    const name = chosen("example")[0]?.class ?? session.chosenClass;
    const names = session.newNames(name, now.length);
    const objects = now.flatMap(({ geometry }, n) => {
      const mask = maskOf(geometry, session.about.size);
      return mask ? [{ name: names[n], class: name, mask }] : [];
    });
    await session.edit({ op: "add_objects", objects });
    show(candidates.filter((each) => !now.includes(each)), job);
    tell(`${objects.length} objects are kept. Undo takes them back.`);
  }));
  session.addEventListener("objects", drawList);
  drawList();
  return section("More like these", list, make("div", { class: "row" }, find), progress, found, text);
}
