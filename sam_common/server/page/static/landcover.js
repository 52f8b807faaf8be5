// Land cover: samples that are painted on the map, and the map of classes that follows from them.

import { save } from "./api.js";
import { host } from "./host.js";
import { bandsText, guarded, make, runJob, section, tell } from "./ui.js";

const LEAST_PX = 1.5;
const OPACITY = 0.6;
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** What the accuracies of a map say, in words. */
function accuracyTexts({ blocked, random }) {
  const tested = blocked
    ? `On ground that was not learned, ${percent(blocked.overall)} of the samples' pixels are right (macro F1 ${blocked.macro_f1.toFixed(2)}).`
    : "How right the map is on ground that was not learned cannot be said: paint each class in several places, apart from each other.";
  const beside = random ? [`Beside learned pixels it is ${percent(random.overall)}, which is too good: neighbours are alike.`] : [];
  return [tested, ...beside, "What share of the whole map is right is known from random points alone: sam-geo sample and sam-geo assess."];
}

/** A section of the panel, and the tool that paints. `board` draws: `map`, `layer(style, zIndex)`,
 *  `feature(geometry)` of pixel corners, `tiles(path, zIndex)`, and `isPainting()`. */
export function landcoverPanel(session, board) {
  const key = `samples ${session.id}`;
  let samples = JSON.parse(host.memory.getItem(key) ?? "[]");
  let tiles = null;
  const colour = (name) => session.classOf(name)?.colour ?? "#ffffff";
  const layer = board.layer((feature) => {
    const of = colour(feature.get("class"));
    // seen on the image as well as on a map in the same colour
    return [["#000000", 8], ["#ffffff", 6], [of, 4]].map(([color, width]) => new ol.style.Style({
      stroke: new ol.style.Stroke({ color, width, lineCap: "round" }),
      image: new ol.style.Circle({ radius: width / 2 + 1.5, fill: new ol.style.Fill({ color }) }),
    }));
  }, 3);
  const counts = make("ul", { class: "legend" });
  const text = make("p", { class: "quiet" });
  const progress = make("div");
  const last = make("button", { onclick: () => put(samples.slice(0, -1)) }, "Remove the last");
  const all = make("button", { onclick: () => put([]) }, "Remove all");
  const run = make("button", {}, "Make the map");
  const result = make("div", { hidden: true });

  const put = (next) => {
    samples = next;
    host.memory.setItem(key, JSON.stringify(samples));
    draw();
  };
  const draw = () => {
    const source = layer.getSource();
    source.clear(true);
    source.addFeatures(samples.map((each) => {
      const feature = board.feature(each.geometry);
      feature.set("class", each.class);
      return feature;
    }));
    const names = [...new Set(samples.map((each) => each.class))];
    counts.replaceChildren(...names.map((name) => {
      const swatch = make("span", { class: "swatch" });
      swatch.style.background = colour(name);
      return make("li", {}, swatch, `${name}: ${samples.filter((each) => each.class === name).length}`);
    }));
    last.disabled = all.disabled = !samples.length;
    run.disabled = names.length < 2 || progress.hasChildNodes();
    text.textContent = names.length < 2
      ? "Choose a class above, then Paint a sample, and draw on ground of that class; then the next class. Two classes at least, each in several places."
      : `${samples.length} samples of ${names.length} classes.`;
  };

  /** Add a sample of the chosen class through places of the map. */
  const add = (places) => {
    const corners = places.map(([x, y]) => [x, -y]);
    const [rows, columns] = session.about.size;
    if (!corners.some(([x, y]) => x >= 0 && y >= 0 && x < columns && y < rows)) {
      tell("That lies outside of the image.");
      return;
    }
    const isPoint = corners.every(([x, y]) => Math.hypot(x - corners[0][0], y - corners[0][1]) < LEAST_PX);
    const geometry = isPoint ? { type: "Point", coordinates: corners[0] } : { type: "LineString", coordinates: corners };
    put([...samples, { class: session.chosenClass, geometry }]);
    tell(`A sample of ${session.chosenClass}.`);
  };

  let stroke = null;
  const drawing = board.feature({ type: "LineString", coordinates: [[0, 0], [0, 0]] });
  const brush = new ol.interaction.Pointer({
    handleDownEvent: (event) => {
      if (!board.isPainting() || event.originalEvent.button) return false;
      stroke = [event.coordinate];
      drawing.set("class", session.chosenClass);
      drawing.getGeometry().setCoordinates([event.coordinate, event.coordinate]);
      layer.getSource().addFeature(drawing);
      return true;
    },
    handleDragEvent: (event) => {
      stroke.push(event.coordinate);
      drawing.getGeometry().setCoordinates(stroke);
    },
    handleUpEvent: () => {
      const places = stroke;
      stroke = null;
      layer.getSource().removeFeature(drawing);
      add(places);
      return false;
    },
  });
  board.map.addInteraction(brush);

  const hide = () => {
    if (tiles) board.map.removeLayer(tiles);
    tiles = null;
    result.hidden = true;
  };
  const show = (job, { classes, bands, accuracies, notes, failures }) => {
    hide();
    tiles = board.tiles(`${session.path}/classes/${job}`, 0.5);
    tiles.setOpacity(OPACITY);
    const total = classes.reduce((sum, each) => sum + each.pixels, 0) || 1;
    const name = `${board.stem}-landcover.tif`;
    const opacity = make("input", {
      type: "range", min: "0", max: "1", step: "0.05", value: String(OPACITY), "aria-label": "Opacity of the map",
      oninput: () => tiles.setOpacity(Number(opacity.value)),
    });
    result.replaceChildren(
      make("ul", { class: "legend", "aria-label": "Classes of the map" }, ...classes.map((each) => {
        const swatch = make("span", { class: "swatch" });
        swatch.style.background = each.colour;
        return make("li", {}, swatch, `${each.class}: ${percent(each.pixels / total)}${Number.isFinite(each.area_m2) ? `, ${(each.area_m2 / 1e4).toPrecision(3)} ha` : ""}`);
      })),
      make("div", { class: "row" }, make("span", { class: "quiet" }, "Opacity"), opacity),
      make("div", { class: "row" },
        make("button", { onclick: guarded(async () => {
          await save(job, "map.tif", name);
          await save(job, "map.tif.aux.xml", `${name}.aux.xml`);
          tell("The map is saved as a cloud-optimised GeoTIFF, its colours and names of classes beside it.");
        }) }, "COG"),
        make("button", { onclick: hide }, "Hide the map")),
      ...[`Learned from ${bandsText(bands)}.`, ...accuracyTexts(accuracies), ...notes, ...failures].map((each) => make("p", { class: "quiet" }, each)));
    result.hidden = false;
  };
  run.addEventListener("click", guarded(async () => {
    run.disabled = true;
    try {
      const features = samples.map(({ class: name, geometry }) => ({ type: "Feature", properties: { class: name }, geometry }));
      const done = await runJob({
        kind: "landcover", session: session.id, crs: "pixel", samples: { type: "FeatureCollection", features },
      }, progress, "Making the map");
      if (done === null) return;
      show(done.job, done.summary);
      session.adoptColours(done.summary.classes);
      tell(accuracyTexts(done.summary.accuracies)[0]);
    } finally {
      draw();
    }
  }));
  session.addEventListener("objects", draw);
  draw();
  const panel = section("Land cover", counts, make("div", { class: "row" }, run, last, all), progress, result, text);
  return { panel, add };
}
