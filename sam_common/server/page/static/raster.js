// A raster: a map in pixels, whose outlines come from clicks and boxes.
//
// The map's x is the column and its -y the row, counted from the outer corner of the first pixel, so
// that turned and unplaced rasters are drawn exactly. An index is half a pixel less.

import { ask, get, post } from "./api.js";
import { everythingPanel } from "./everything.js";
import { host } from "./host.js";
import { landcoverPanel } from "./landcover.js";
import { areaText, outlineLayer, outlineOf, outlineStyle } from "./outlines.js";
import { boxForm, classesPanel, downloadsPanel, objectsPanel } from "./panel.js";
import { Picker } from "./picker.js";
import { signatureOf } from "./session.js";
import { similarPanel } from "./similar.js";
import { guarded, keys, loadScript, make, showPlace, tell, Tools } from "./ui.js";

const PREVIEW_MS = 70;
const AT_ONCE = 4;
const MOVES = /^(Arrow.*|Enter|Tab|[+-])$/;
const STATUS = {
  ok: "", empty: "The network found nothing there.", outside: "That lies outside of the image.",
  nodata: "There is no data at that place.", no_prompt: "",
};

/** World coordinates of a place in pixel corners, by GDAL's six numbers. */
const worldOf = ([a, b, c, d, e, f], [column, row]) => [a * column + b * row + c, d * column + e * row + f];

/** The place in pixel corners of world coordinates. */
function cornersOf([a, b, c, d, e, f], [x, y]) {
  const size = a * e - b * d;
  return [(e * (x - c) - b * (y - f)) / size, (a * (y - f) - d * (x - c)) / size];
}

/** Rings of a GeoJSON geometry with each place changed. */
const mapped = (coordinates, change) => typeof coordinates[0] === "number"
  ? change(coordinates) : coordinates.map((each) => mapped(each, change));

function crsName(wkt) {
  const found = wkt && /^[A-Z]+\["([^"]+)"/.exec(wkt);
  return found ? found[1] : "";
}

class RasterPage {
  constructor(session, pyramid) {
    this.session = session;
    this.pyramid = pyramid;
    [this.rows, this.columns] = session.about.size;
    this.affine = session.about.frame.affine;
    this.isPlaced = this.affine.some((value, n) => value !== [1, 0, 0, 0, 1, 0][n]);
    this.drawn = new Map();
    this.areas = new Map();
    this.drawing = Promise.resolve();
    this.format = new ol.format.GeoJSON();
    this.makeMap();
    this.picker = new Picker(this);
    this.makeTools();
    this.makePanel();
    session.addEventListener("objects", guarded(() => this.draw()));
    session.addEventListener("marks", () => this.marks());
    this.marks();
  }

  makeMap() {
    const { levels, served } = this.pyramid;
    const extent = [0, -this.rows, this.columns, 0];
    const projection = new ol.proj.Projection({ code: "PIXELS", units: "pixels", extent });
    const coarsest = served - 1;
    this.projection = projection;
    const layer = (style, zIndex) => new ol.layer.Vector({ source: new ol.source.Vector(), style, zIndex });
    this.outlines = outlineLayer((feature) => this.styleOf(feature), 2);
    this.marksLayer = layer((feature) => this.markStyle(feature), 3);
    this.ghost = layer(new ol.style.Style({
      stroke: new ol.style.Stroke({ color: "#ffffff", width: 1.5, lineDash: [5, 4] }),
      fill: new ol.style.Fill({ color: "#ffffff26" }),
    }), 4);
    this.target = make("div", { class: "ol-map", tabindex: "0", role: "application", "aria-label": "Image. Arrows move it, plus and minus zoom, Enter sets a point at the middle." });
    this.target.style.position = "absolute";
    this.target.style.inset = "0";
    document.getElementById("image").replaceChildren(this.target);
    const widest = served < levels ? 2 ** coarsest * 1.4 : 2 ** coarsest * 2;
    this.map = new ol.Map({
      target: this.target,
      controls: [new ol.control.Zoom()],
      interactions: ol.interaction.defaults.defaults({ shiftDragZoom: false, doubleClickZoom: false, altShiftDragRotate: false, pinchRotate: false }),
      layers: [this.tileLayer(`${this.session.path}/tiles`, 0), this.outlines, this.marksLayer, this.ghost],
      view: new ol.View({ projection, center: [this.columns / 2, -this.rows / 2], maxResolution: widest, minResolution: 1 / 32, resolution: 1, extent, constrainOnlyCenter: true }),
    });
    this.target.append(make("div", { class: "middle", "aria-hidden": "true" }));
    this.map.getView().fit(extent, { padding: [16, 16, 16, 16] });
    this.map.on("click", guarded((event) => this.click(event)));
    this.map.on("pointermove", (event) => this.pointer(event));
    this.target.addEventListener("pointerleave", () => { this.dropPreview(); this.picker.light(null); showPlace(""); });
    // letters choose tools for who works by mouse, too: that alone shows no cross and no frame
    const byKeys = (isSo) => this.target.classList.toggle("by-keys", isSo);
    this.target.addEventListener("focus", () => byKeys(this.target.matches(":focus-visible")));
    this.target.addEventListener("pointerdown", () => byKeys(false));
    this.target.addEventListener("keydown", guarded(async (event) => {
      if (MOVES.test(event.key)) byKeys(true);
      if (event.key !== "Enter") return;
      event.preventDefault();
      const middle = this.map.getView().getCenter();
      if (this.tools.chosen === "paint") this.cover.add([middle]);
      else if (this.tools.chosen === "pick") await this.picker.pick(middle);
      else await this.point(middle, event.shiftKey || this.tools.chosen === "minus");
    }));
    const box = new ol.interaction.DragBox({ className: "drag-box", condition: () => this.tools.chosen === "box" });
    box.on("boxend", guarded(() => {
      const [x0, y0, x1, y1] = box.getGeometry().getExtent();
      return this.box([x0 - 0.5, -y1 - 0.5, x1 - 0.5, -y0 - 0.5]);
    }));
    this.map.addInteraction(box);
  }

  /** A layer of the tiles that the server gives below a path. */
  tileLayer(path, zIndex) {
    const { tile_px: side, served } = this.pyramid;
    const extent = this.projection.getExtent();
    const resolutions = Array.from({ length: served }, (_, n) => 2 ** (served - 1 - n));
    return new ol.layer.Tile({ zIndex, source: new ol.source.TileImage({
      projection: this.projection, interpolate: false, transition: 0,
      tileGrid: new ol.tilegrid.TileGrid({ extent, origin: [0, 0], resolutions, tileSize: side }),
      tileUrlFunction: ([z, x, y]) => `${path}/${served - 1 - z}/${y}/${x}`,
      tileLoadFunction: (tile, url) => this.loadTile(tile, url),
    }) });
  }

  /** What panels draw with: see `everything.js`, `similar.js` and `landcover.js`. */
  board() {
    return {
      map: this.map,
      outlines: (style, zIndex) => {
        const layer = outlineLayer(style, zIndex);
        this.map.addLayer(layer);
        return layer;
      },
      outline: (geometry) => outlineOf(this.shape(geometry)),
      light: (feature) => this.picker.light(feature),
      zoom: (feature) => this.zoomTo(feature),
      settled: () => this.drawing,
      onfound: (isFound) => this.picker.follow(isFound),
      stem: this.session.about.source.name.replace(/\.[^.]*$/, ""),
      isPainting: () => this.tools.chosen === "paint",
      layer: (style, zIndex) => {
        const layer = new ol.layer.Vector({ source: new ol.source.Vector(), style, zIndex });
        this.map.addLayer(layer);
        return layer;
      },
      tiles: (path, zIndex) => {
        const layer = this.tileLayer(path, zIndex);
        this.map.addLayer(layer);
        return layer;
      },
      feature: (geometry) => new ol.Feature(this.shape(geometry)),
      outlineOf: (object) => {
        const shape = this.drawn.get(object.object)?.feature?.getGeometry();
        if (!shape) return null;
        return { type: shape.getType(), coordinates: mapped(shape.getCoordinates(), ([x, y]) => [x, -y]) };
      },
    };
  }

  /** Fetch a tile with the token, which an image element cannot send. */
  async loadTile(tile, path) {
    const image = tile.getImage();
    try {
      const address = URL.createObjectURL(await (await ask("GET", path)).blob());
      const done = () => URL.revokeObjectURL(address);
      image.addEventListener("load", done, { once: true });
      image.addEventListener("error", done, { once: true });
      image.src = address;
    } catch (error) {
      tile.setState(3);
      tell(error.message);
    }
  }

  makeTools() {
    const takesPoints = this.session.about.prompts.includes("points");
    const takesBoxes = this.session.about.prompts.includes("boxes");
    const off = `${this.session.about.model} was not trained for this`;
    this.tools = new Tools([
      { id: "plus", label: "Point on it", key: "1", off: takesPoints ? null : off },
      { id: "minus", label: "Point beside it", key: "2", off: takesPoints ? null : off },
      { id: "box", label: "Box", key: "3", off: takesBoxes ? null : off },
      { id: "paint", label: "Paint a sample", key: "4" },
      { id: "pick", label: "Pick", key: "5" },
    ], takesPoints ? "plus" : "box");
    this.tools.onchange = (id) => {
      this.target.dataset.tool = id;
      this.dropPreview();
      this.picker.light(null);
    };
    this.target.dataset.tool = this.tools.chosen;
    this.tools.gap();
    const next = guarded(() => this.session.choose(null));
    this.undoButton = this.tools.add("Undo", "Ctrl Z", guarded(() => this.session.undo()));
    this.redoButton = this.tools.add("Redo", null, guarded(() => this.session.redo()));
    this.tools.gap();
    this.tools.add("Next object", "N", next).classList.add("main");
    keys({
      1: () => this.tools.choose("plus"), 2: () => this.tools.choose("minus"), 3: () => this.tools.choose("box"),
      4: () => this.tools.choose("paint"), 5: () => this.tools.choose("pick"),
      n: next, escape: next, delete: guarded(() => this.session.removeCurrent()),
      "ctrl+z": guarded(() => this.session.undo()),
      "ctrl+shift+z": guarded(() => this.session.redo()),
      "ctrl+y": guarded(() => this.session.redo()),
    });
  }

  makePanel() {
    const help = make("details", {}, make("summary", {}, "Keys and gestures"), make("dl", {},
      ...[["click", "a point on the object"], ["Shift click", "a point beside it: leave this out"], ["drag", "moves the image; with Box it draws one, with Paint a sample a stroke"],
        ["wheel, + −", "zoom"], ["Pick", "click an object to go on with it; one that was found is kept"], ["N", "the next click begins a new object"], ["Delete", "removes the chosen object"], ["Ctrl Z", "undo; Ctrl Shift Z redo"], ["Enter", "a point at the middle of the image, by keyboard"]]
        .flatMap(([key, text]) => [make("dt", {}, key), make("dd", {}, text)])));
    const board = this.board();
    this.cover = landcoverPanel(this.session, board);
    this.everything = everythingPanel(this.session, board);
    this.picker.everything = this.everything;
    const { served, levels } = this.pyramid;
    const note = served < levels ? make("section", {}, make("p", { class: "quiet" },
      "This raster has no overviews, so it is not drawn from far away. gdaladdo -r average FILE adds them; then it opens as a whole.")) : "";
    document.getElementById("panel").append(
      note,
      classesPanel(this.session, "Classes", "New objects get the chosen class and its colour."),
      objectsPanel(this.session, {
        sizeTitle: this.isPlaced ? "Area" : "Pixels", size: (each) => this.areaOf(each), zoom: (each) => this.zoom(each),
      }),
      similarPanel(this.session, board),
      this.everything.panel,
      this.cover.panel,
      downloadsPanel(this.session, [{ format: "gpkg", label: "GeoPackage" }, { format: "geojson", label: "GeoJSON" }]),
      make("section", {}, boxForm(["column 1", "row 1", "column 2", "row 2"], (box) => this.box(box)), help));
  }

  marks() {
    this.undoButton.disabled = !this.session.canUndo;
    this.redoButton.disabled = !this.session.canRedo;
  }

  async click(event) {
    if (this.tools.chosen === "paint") return;
    if (this.tools.chosen === "pick") {
      await this.picker.pick(event.coordinate);
      return;
    }
    if (this.tools.chosen === "box") {
      tell("Drag a box around the object, or choose a point tool.");
      return;
    }
    await this.point(event.coordinate, event.originalEvent.shiftKey || this.tools.chosen === "minus");
  }

  /** Add a point to the current object. */
  async point([x, y], isBeside) {
    if (x < 0 || y > 0 || x >= this.columns || -y >= this.rows) {
      tell(STATUS.outside);
      return;
    }
    if (isBeside && this.session.current === null) {
      tell("First click on the object; then a point beside it leaves something out.");
      return;
    }
    this.dropPreview();
    await this.told(await this.session.prompt({ op: "add_point", point: [x - 0.5, -y - 0.5], label: isBeside ? 0 : 1 }));
  }

  async box(box) {
    this.dropPreview();
    await this.told(await this.session.prompt({ op: "set_box", box }));
  }

  async told(changed) {
    await this.drawing;
    const object = this.session.currentObject;
    tell(STATUS[changed.status] || `${object.name}: ${this.areaOf(object)}. Click again to correct it; N begins the next.`);
  }

  pointer(event) {
    const [x, y] = event.coordinate;
    const isInside = x >= 0 && y <= 0 && x < this.columns && -y < this.rows;
    showPlace(isInside ? this.placeText(x, -y) : "");
    this.dropPreview();
    if (this.tools.chosen === "pick") {
      const told = this.picker.point(event.dragging ? null : event.coordinate);
      if (told && isInside) showPlace(`${told} · ${this.placeText(x, -y)}`);
      return;
    }
    if (event.dragging || !isInside || ["box", "paint"].includes(this.tools.chosen) || event.originalEvent.pointerType === "touch") return;
    const isBeside = event.originalEvent.shiftKey || this.tools.chosen === "minus";
    if (isBeside && this.session.current === null) return;
    this.previewTimer = setTimeout(() => this.preview([x - 0.5, -y - 0.5], isBeside ? 0 : 1), PREVIEW_MS);
  }

  /** Show what a click here would give, where that costs no encoding. */
  async preview(point, label) {
    this.previewing = new AbortController();
    const { signal } = this.previewing;
    try {
      const asked = { point, label, object: this.session.current };
      const answer = await post(`${this.session.path}/preview`, asked, { signal });
      if (signal.aborted || answer.status !== "ok") return;
      this.ghost.getSource().addFeature(new ol.Feature(this.shape(answer.outline)));
    } catch {
      // a preview that fails is none; the click itself tells what is wrong
    }
  }

  dropPreview() {
    clearTimeout(this.previewTimer);
    this.previewing?.abort();
    this.ghost.getSource().clear(true);
  }

  placeText(column, row) {
    const pixel = `column ${Math.floor(column)}, row ${Math.floor(row)}`;
    if (!this.isPlaced) return pixel;
    const [x, y] = worldOf(this.affine, [column, row]);
    const step = Math.hypot(this.affine[0], this.affine[3]);
    const digits = Math.max(0, Math.min(9, Math.ceil(-Math.log10(step)) + 1));
    return [pixel, `x ${x.toFixed(digits)}, y ${y.toFixed(digits)}`, crsName(this.session.about.frame.crs)].filter(Boolean).join(" · ");
  }

  /** A geometry in pixel corners, y down, as one of the map. */
  shape(geometry) {
    return this.format.readGeometry({ ...geometry, coordinates: mapped(geometry.coordinates, ([x, y]) => [x, -y]) });
  }

  /** Draw the objects that are not drawn as they are now, once those before are drawn. */
  draw() {
    this.drawMarks();
    this.outlines.changed();
    this.drawing = this.drawing.catch(() => {}).then(() => this.drawChanged());
    return this.drawing;
  }

  async drawChanged() {
    const source = this.outlines.getSource();
    const known = new Set(this.session.objects.map((each) => each.object));
    for (const [name, { feature }] of this.drawn) {
      if (known.has(name)) continue;
      if (feature) source.removeFeature(feature);
      this.drawn.delete(name);
    }
    const stale = this.session.objects.filter((each) => this.drawn.get(each.object)?.signature !== signatureOf(each));
    for (let n = 0; n < stale.length; n += AT_ONCE) {
      // in turn with edits: what was taken back meanwhile is not asked for
      await this.session.inTurn(() => {
        const there = new Set(this.session.objects.map((each) => each.object));
        const next = stale.slice(n, n + AT_ONCE).filter((each) => there.has(each.object));
        return Promise.all(next.map((each) => this.drawOne(each, source)));
      });
    }
    if (stale.length) this.session.dispatchEvent(new Event("objects"));
  }

  async drawOne(each, source) {
    const found = await get(`${this.session.path}/objects/${each.object}/geometry`);
    const before = this.drawn.get(each.object)?.feature;
    if (before) source.removeFeature(before);
    let feature = null;
    if (found.geometry) {
      const coordinates = mapped(found.geometry.coordinates, (xy) => cornersOf(this.affine, xy));
      feature = outlineOf(this.shape({ ...found.geometry, coordinates }), { object: each.object });
      source.addFeature(feature);
    }
    this.areas.set(each.object, found.properties.area_m2);
    this.drawn.set(each.object, { signature: signatureOf(each), feature });
  }

  /** The prompts of the current object. */
  drawMarks() {
    const object = this.session.currentObject;
    const source = this.marksLayer.getSource();
    source.clear(true);
    if (!object) return;
    source.addFeatures(object.points.map(({ point: [x, y], label }) =>
      new ol.Feature({ geometry: new ol.geom.Point([x + 0.5, -y - 0.5]), label })));
    source.addFeatures(object.boxes.map(({ box: [x0, y0, x1, y1] }) =>
      new ol.Feature(new ol.geom.LineString([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]].map(([x, y]) => [x + 0.5, -y - 0.5])))));
  }

  markStyle(feature) {
    const label = feature.get("label");
    if (label === undefined) {
      return new ol.style.Style({ stroke: new ol.style.Stroke({ color: "#ffffffb3", width: 1.5, lineDash: [6, 4] }) });
    }
    return new ol.style.Style({ image: new ol.style.Circle({
      radius: 5, fill: new ol.style.Fill({ color: label ? "#16a34a" : "#dc2626" }), stroke: new ol.style.Stroke({ color: "#ffffff", width: 2 }),
    }) });
  }

  styleOf(feature) {
    const name = feature.get("object");
    const object = this.session.objects.find((each) => each.object === name);
    const colour = object ? this.session.colourOf(object) : "#ffffff";
    const isCurrent = name === this.session.current;
    return outlineStyle(colour, isCurrent ? 3 : 2, `${colour}${isCurrent ? "40" : "26"}`);
  }

  areaOf(each) {
    return areaText(each.area, this.areas.get(each.object));
  }

  zoom(each) {
    const feature = this.drawn.get(each.object)?.feature;
    if (feature) this.zoomTo(feature);
  }

  zoomTo(feature) {
    this.map.getView().fit(feature.getGeometry().getExtent(), { padding: [80, 80, 80, 80], minResolution: 0.25 });
  }
}

export async function start(session) {
  const style = make("link", { rel: "stylesheet", href: await host.address("/page/ol/ol.css") });
  document.head.prepend(style);
  const [pyramid] = await Promise.all([get(`${session.path}/pyramid`), loadScript("/page/ol/ol.js")]);
  const page = new RasterPage(session, pyramid);
  await guarded(() => page.everything.restore())();
  tell("Click on an object.");
  return page;
}
