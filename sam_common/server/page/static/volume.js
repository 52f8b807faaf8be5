// A volume: three planes and a 3-D view, whose objects come from boxes on slices.

import { answersPanel } from "./answers.js";
import { ask, get } from "./api.js";
import { emptyLike, Grid, inSlice, npyData, PLANES } from "./grid.js";
import { boxForm, classesPanel, downloadsPanel, objectsPanel } from "./panel.js";
import { signatureOf } from "./session.js";
import { makeSheet, strokeOf } from "./sheet.js";
import { guarded, keys, loadScript, make, runJob, section, showPlace, tell, Tools, working } from "./ui.js";

const FORMATS = {
  nifti: "NIfTI", "seg.nrrd": "seg.nrrd", nrrd: "NRRD", mha: "MetaImage",
  dicom_seg: "DICOM SEG", dicom_rtstruct: "RTSTRUCT", dicom_sr: "Measurements (SR)",
};
// measurements are those of a SEG, which is written with them
const WITH = { dicom_sr: { format: "dicom_seg", suffix: ".seg.dcm" } };
const NO_DICOM = "DICOM SEG, RTSTRUCT and SR refer to DICOM images, and this volume has none: open the DICOM series to save them.";
const KINDS = { box: "box", plus: "point", minus: "point", draw: "stroke", erase: "stroke" };
const MOST_OBJECTS = 255;
const OPACITY = 0.4;
const GRID_LAYOUT = 2; // niivue.MULTIPLANAR_TYPE.GRID, which is there once the script is loaded
const STATUS = { empty: "The network found nothing there.", outside: "That lies outside of the volume." };

class VolumePage {
  constructor(session, facts, nv, grid) {
    this.session = session;
    this.facts = facts;
    this.nv = nv;
    this.grid = grid;
    this.affine = session.about.frame.affine;
    this.masks = new Map();
    this.drawing = Promise.resolve();
    const column = (n) => this.affine.slice(0, 3).map((row) => row[n]);
    const [a, b, c] = [0, 1, 2].map(column);
    this.millilitres = Math.abs(a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])) / 1000;
    this.makeTools();
    this.makePanel();
    this.makeOver();
    nv.onLocationChange = (where) => this.moved(where);
    session.addEventListener("objects", guarded(() => this.draw()));
    session.addEventListener("marks", () => this.marks());
    this.marks();
    this.jump(session.about.size.toReversed().map((size) => Math.floor(size / 2)));
  }

  makeTools() {
    const takesPoints = this.session.about.prompts.includes("points");
    this.tools = new Tools([
      { id: "look", label: "Look", key: "1" },
      { id: "box", label: "Box", key: "2" },
      { id: "plus", label: "Point on it", key: "3", off: takesPoints ? null : `${this.session.about.model} takes boxes only` },
      { id: "minus", label: "Point beside it", key: "4", off: takesPoints ? null : `${this.session.about.model} takes boxes only` },
      { id: "draw", label: "Stroke on it", key: "5" },
      { id: "erase", label: "Stroke beside it", key: "6" },
    ], "look");
    this.tools.onchange = (id) => { this.over.hidden = id === "look"; };
    this.tools.gap();
    const next = guarded(() => this.session.choose(null));
    this.undoButton = this.tools.add("Undo", "Ctrl Z", guarded(() => this.session.undo()));
    this.redoButton = this.tools.add("Redo", null, guarded(() => this.session.redo()));
    this.tools.gap();
    this.tools.add("Next object", "N", next).classList.add("main");
    keys({
      1: () => this.tools.choose("look"), 2: () => this.tools.choose("box"),
      3: () => this.tools.choose("plus"), 4: () => this.tools.choose("minus"),
      5: () => this.tools.choose("draw"), 6: () => this.tools.choose("erase"),
      n: next, escape: next, delete: guarded(() => this.session.removeCurrent()),
      "ctrl+z": guarded(() => this.session.undo()),
      "ctrl+shift+z": guarded(() => this.session.redo()),
      "ctrl+y": guarded(() => this.session.redo()),
    });
  }

  makePanel() {
    const progress = make("div");
    this.sliders = PLANES.map(({ name, across }) => make("input", {
      type: "range", min: "0", max: String(this.grid.dims[across] - 1), "aria-label": `${name} slice`,
      oninput: (event) => this.slide(across, Number(event.target.value)),
    }));
    this.numbers = PLANES.map(() => make("output", { class: "quiet" }));
    const slices = PLANES.map(({ name }, n) => make("div", { class: "row" }, make("span", { class: "quiet" }, name), this.sliders[n], this.numbers[n]));
    this.follow = make("button", { class: "main", onclick: guarded(() => this.propagate(progress)) }, "Follow through the volume");
    this.followText = make("p", { class: "quiet" });
    this.reviewBody = make("tbody");
    this.review = section("Review", make("p", { class: "quiet" }, "Slices of the chosen object, the least certain first. A new box or a stroke on one of them corrects it."),
      make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Slices to review" }, make("table", {},
        make("thead", {}, make("tr", {}, ...["Slice", "Certainty", "Why"].map((text) => make("th", { scope: "col" }, text)))), this.reviewBody)));
    this.review.hidden = true;
    this.answers = answersPanel(this.session, this.millilitres);
    const isDicom = this.facts.formats.includes("dicom_seg");
    const points = this.session.about.prompts.includes("points") ? "" : make("p", { class: "quiet" },
      `${this.session.about.model} takes boxes. To set points, start with a model that takes them: --model mobile_sam.`);
    const help = make("details", {}, make("summary", {}, "Keys and gestures"), make("dl", {},
      ...[["click, drag", "moves the cross; right drag changes the contrast"], ["wheel", "next slice"], ["Box", "drag a box around the object on a slice"],
        ["Stroke", "draw over what is missing, or over what is too much, of a followed object"],
        ["N", "the next box begins a new object"], ["Delete", "removes the chosen object"], ["Ctrl Z", "undo; Ctrl Shift Z redo"]].flatMap(([key, text]) => [make("dt", {}, key), make("dd", {}, text)])));
    const typed = boxForm(["x 1", "y 1", "x 2", "y 2"], (box) => this.box(this.typedPlane(), box));
    const stroke = boxForm(["x 1", "y 1", "x 2", "y 2"], (ends) => this.typedStroke(ends), "Type a stroke", "Draw the stroke");
    stroke.append(make("p", { class: "quiet" }, "From place to place on the slice of the plane above; beside the object where Stroke beside it is chosen."));
    this.plane = make("select", { "aria-label": "Plane of the box" }, ...PLANES.map(({ name }, n) => make("option", { value: String(n) }, name)));
    typed.querySelector("form").prepend(this.plane);
    document.getElementById("panel").append(
      classesPanel(this.session, "Names", "A new object gets the chosen name, such as liver, and its colour."),
      objectsPanel(this.session, { sizeTitle: "ml", size: (each) => this.sizeOf(each), zoom: guarded((each) => this.show(each)) }),
      section("Through the volume", this.follow, progress, this.followText),
      this.review,
      this.answers.panel,
      section("Slices", ...slices, make("p", { class: "quiet" }, [this.facts.describe, ...this.facts.notes].join(". "))),
      downloadsPanel(this.session, Object.entries(FORMATS).map(([format, label]) => ({
        format, label, beside: WITH[format], isOff: !this.facts.formats.includes(format),
      })), isDicom ? "" : NO_DICOM),
      make("section", {}, points, typed, stroke, help));
  }

  /** The sheet that takes what is drawn, while NiiVue takes everything else. */
  makeOver() {
    this.over = makeSheet(this.nv, this.grid, () => KINDS[this.tools.chosen], {
      box: async (plane, first, last) => {
        const [x, y] = inSlice(this.grid.axisOf(plane));
        this.jump(first, plane);
        await this.box(plane, [first[x], first[y], last[x], last[y]]);
      },
      point: (voxel) => this.point(voxel, this.tools.chosen === "minus"),
      stroke: (plane, voxels) => this.stroke(plane, voxels, this.tools.chosen === "erase"),
    });
    document.getElementById("image").append(this.over);
  }

  marks() {
    this.undoButton.disabled = !this.session.canUndo;
    this.redoButton.disabled = !this.session.canRedo;
  }

  typedPlane() {
    return Number(this.plane.value);
  }

  /** Set the box of the current object on the slice that a plane shows. */
  async box(plane, [x0, y0, x1, y1]) {
    const axis = this.grid.axisOf(plane);
    const index = this.voxel[2 - axis];
    const box = [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
    await this.told(await this.session.prompt({ op: "set_box", box, axis, index }));
  }

  async point(voxel, isBeside) {
    if (isBeside && this.session.current === null) {
      tell("First click on the object; then a point beside it leaves something out.");
      return;
    }
    await this.told(await this.session.prompt({ op: "add_point", point: voxel, label: isBeside ? 0 : 1 }));
  }

  /** Correct the current object, once it was followed, by a stroke on a slice of a plane. */
  async stroke(plane, voxels, isBeside) {
    if (!this.session.currentObject?.propagated) {
      tell("First follow the object through the volume; then a stroke corrects it.");
      return;
    }
    const across = this.grid.own(PLANES[plane].across);
    this.jump(voxels[0], plane);
    await this.told(await this.session.prompt({
      op: "add_mark", mark: "scribble", points: strokeOf(voxels, across), label: isBeside ? 0 : 1, axis: 2 - across,
    }));
  }

  /** A stroke from place to place, by numbers, on the slice that a plane shows. */
  typedStroke([x0, y0, x1, y1]) {
    const plane = this.typedPlane();
    const [x, y] = inSlice(this.grid.axisOf(plane));
    const voxels = [[x0, y0], [x1, y1]].map((xy) => this.voxel.with(x, xy[0]).with(y, xy[1]));
    return this.stroke(plane, voxels, this.tools.chosen === "erase");
  }

  async told(changed) {
    await this.drawing;
    const object = this.session.currentObject;
    const more = object.propagated ? "The correction has changed what it reaches." : "Follow it through the volume, or draw more boxes.";
    tell(STATUS[changed.status] ?? `${object.name}: ${this.sizeOf(object)} ml. ${more}`);
  }

  /** Follow the current object, or all of them, through the volume by a job. */
  async propagate(progress) {
    const { currentObject: object } = this.session;
    const request = { kind: "propagate", session: this.session.id };
    if (object) request.objects = [object.object];
    this.follow.disabled = true;
    try {
      const done = await runJob(request, progress, object ? `Following ${object.name}` : "Following all objects");
      if (done === null) return;
      await this.session.inTurn(() => this.session.sync());
      const { can_undo: canUndo, can_redo: canRedo } = await get(this.session.path);
      this.session.marks({ can_undo: canUndo, can_redo: canRedo });
      await this.drawing;
      tell("Followed through the volume. Review the least certain slices.");
    } finally {
      this.follow.disabled = false;
      this.drawFollow();
    }
  }

  drawFollow() {
    const { currentObject: object, objects } = this.session;
    const asked = (object ? [object] : objects).filter((each) => each.boxes.length || each.points.length);
    this.follow.disabled = !asked.length;
    this.followText.textContent = !asked.length ? "First draw a box on a slice."
      : object ? `Finds ${object.name} on all slices, from its prompts.` : "Finds all objects on all slices.";
  }

  async drawReview() {
    const { currentObject: object } = this.session;
    this.review.hidden = !object?.propagated;
    if (this.review.hidden) return;
    const signature = signatureOf(object);
    if (this.reviewed === signature) return;
    this.reviewed = signature;
    const slices = await get(`${this.session.path}/objects/${object.object}/review`);
    this.reviewBody.replaceChildren(...slices.map(({ axis, index, confidence, reasons }) => make("tr", {},
      make("td", {}, make("button", { class: "plain jump", onclick: () => this.jumpTo(object, axis, index) }, `${this.grid.planeName(axis)} ${index}`)),
      make("td", { class: "number" }, confidence.toFixed(2)),
      make("td", { class: "quiet" }, [reasons].flat().join(", ")))));
  }

  /** Bring the objects that have changed into the overlay. */
  draw() {
    this.drawFollow();
    this.drawing = this.drawing.catch(() => {}).then(async () => {
      await this.drawChanged();
      await this.drawReview();
      await this.answers.draw(this.session.currentObject);
    });
    return this.drawing;
  }

  async drawChanged() {
    const { objects } = this.session;
    let isStale = this.masks.size !== objects.length;
    for (const each of objects) {
      const signature = signatureOf(each);
      if (this.masks.get(each.object)?.signature === signature) continue;
      isStale = true;
      const answer = await ask("GET", `${this.session.path}/objects/${each.object}/mask?format=npy`);
      const window = JSON.parse(answer.headers.get("X-Window"));
      this.masks.set(each.object, { signature, window, data: npyData(await answer.arrayBuffer()) });
    }
    const known = new Set(objects.map((each) => each.object));
    for (const name of this.masks.keys()) if (!known.has(name)) this.masks.delete(name);
    const colours = JSON.stringify(objects.map((each) => [each.object, this.session.colourOf(each)]));
    if (!isStale && colours === this.colours) return;
    this.colours = colours;
    await working("Drawing …", this.paint());
  }

  async paint() {
    const overlay = this.nv.volumes[1];
    const shown = this.session.objects.slice(0, MOST_OBJECTS);
    overlay.img.fill(0);
    shown.forEach((each, n) => this.fill(overlay.img, this.masks.get(each.object), n + 1));
    const rgb = shown.map((each) => [1, 3, 5].map((at) => parseInt(this.session.colourOf(each).slice(at, at + 2), 16)));
    const channel = (n) => [0, ...rgb.map((colour) => colour[n])];
    overlay.setColormapLabel({
      R: channel(0), G: channel(1), B: channel(2), A: [0, ...rgb.map(() => 255)],
      I: [0, ...rgb.map((_colour, n) => n + 1)], labels: ["", ...shown.map((each) => each.name)],
    });
    this.nv.updateGLVolume();
    if (this.session.objects.length > MOST_OBJECTS) tell(`The first ${MOST_OBJECTS} objects are drawn.`);
  }

  /** Write a number into all voxels of a mask. */
  fill(img, { window, data }, number) {
    if (!window) return;
    const [[k0, j0, i0], [k1, j1, i1]] = window;
    const [, rows, columns] = this.session.about.size;
    let at = 0;
    for (let k = k0; k < k1; k += 1) {
      for (let j = j0; j < j1; j += 1) {
        const row = (k * rows + j) * columns;
        for (let i = i0; i < i1; i += 1, at += 1) if (data[at]) img[row + i] = number;
      }
    }
  }

  sizeOf(each) {
    return each.area ? (each.area * this.millilitres).toFixed(2) : "–";
  }

  /** Show the middle of an object. */
  async show(each) {
    await this.drawing;
    const window = this.masks.get(each.object)?.window;
    if (window) this.jump([2, 1, 0].map((n) => Math.floor((window[0][n] + window[1][n] - 1) / 2)));
    const [box] = each.boxes;
    if (!window && box?.axis !== undefined && box?.axis !== null) this.jumpTo(each, box.axis, box.index);
  }

  jumpTo(object, axis, index) {
    const window = this.masks.get(object.object)?.window;
    const voxel = window ? [2, 1, 0].map((n) => Math.floor((window[0][n] + window[1][n] - 1) / 2)) : [...this.voxel];
    voxel[2 - axis] = index;
    this.jump(voxel);
  }

  /** Move the cross to a voxel; with a plane, only to its slice. */
  jump(voxel, plane = null) {
    const parts = this.grid.partsOf(voxel);
    if (plane !== null) {
      const { across } = PLANES[plane];
      const kept = [...this.nv.scene.crosshairPos];
      kept[across] = parts[across];
      this.place(kept);
    } else {
      this.place(parts);
    }
  }

  slide(across, n) {
    const parts = [...this.nv.scene.crosshairPos];
    parts[across] = (n + 0.5) / this.grid.dims[across];
    this.place(parts);
  }

  place(parts) {
    this.nv.scene.crosshairPos = parts;
    this.nv.drawScene();
    this.nv.createOnLocationChange();
  }

  moved(where) {
    const parts = [...this.nv.scene.crosshairPos];
    this.voxel = this.grid.voxelAt(parts);
    PLANES.forEach(({ across }, n) => {
      const at = Math.min(this.grid.dims[across] - 1, Math.floor(parts[across] * this.grid.dims[across]));
      this.sliders[n].value = String(at);
      this.numbers[n].textContent = String(this.voxel[this.grid.own(across)]);
    });
    const [i, j, k] = this.voxel;
    const mm = this.affine.slice(0, 3).map((row) => row[0] * i + row[1] * j + row[2] * k + row[3]);
    const value = where?.values?.[0]?.value;
    showPlace([`voxel ${i}, ${j}, ${k}`, `LPS ${mm.map((v) => v.toFixed(1)).join(", ")} mm`,
      typeof value === "number" ? `value ${Number(value.toFixed(3))}` : ""].filter(Boolean).join(" · "));
  }
}

export async function start(session) {
  const canvas = make("canvas", { class: "volume", tabindex: "0", "aria-label": "Axial, coronal and sagittal slices, and the volume in 3-D. The sliders beside it choose the slices." });
  document.getElementById("image").replaceChildren(canvas);
  const [facts, voxels] = await working("Loading the volume …", Promise.all([
    get(`${session.path}/facts`),
    ask("GET", `${session.path}/voxels`).then((answer) => answer.arrayBuffer()),
    loadScript("/page/niivue/niivue.js"),
  ]));
  const nv = new niivue.Niivue({
    backColor: [0.04, 0.055, 0.05, 1], crosshairColor: [0.35, 0.85, 0.8, 0.9], crosshairWidth: 0.15, crosshairWidthUnit: "percent",
    isNearestInterpolation: true, isRadiologicalConvention: true, multiplanarShowRender: 1, tileMargin: 4,
    // two by two: one below the other, the planes of a scan of few slices leave most of the view empty
    multiplanarLayout: GRID_LAYOUT,
    dragAndDropEnabled: false, viewModeHotKey: "", clipPlaneHotKey: "", loadingText: "", logLevel: "error",
  });
  await nv.attachToCanvas(canvas);
  const empty = emptyLike(voxels);
  await nv.loadFromArrayBuffer(voxels, "volume.nii");
  await nv.loadFromArrayBuffer(empty, "objects.nii");
  nv.volumes[1].opacity = OPACITY;
  const [base] = nv.volumes;
  if (facts.inverted) base.colormap = "gray_inv";
  [base.cal_min, base.cal_max] = facts.window;
  const [x, y, z] = base.permRAS;
  const grid = new Grid([x, y, z], [...base.dimsRAS].slice(1, 4));
  nv.setSliceType(nv.sliceTypeMultiplanar);
  nv.updateGLVolume();
  const page = new VolumePage(session, facts, nv, grid);
  tell("Choose Box, and drag a box around an organ on a slice.");
  return page;
}
