// A sheet over the planes of a volume, which takes boxes, points and strokes of the pointer. While it
// is hidden, NiiVue takes everything; wheel and context menu it gets in any case.

import { guarded, make, tell } from "./ui.js";

const LEAST_PX = 3;
const MOST_POINTS = 10_000;
const SVG = "http://www.w3.org/2000/svg";

/** `kind()` is what is drawn now: `box`, `point` or `stroke`; `done` has a function for each of them:
 *  `box(plane, first, last)`, `point(voxel)` and `stroke(plane, voxels)`. */
export function makeSheet(nv, grid, kind, done) {
  const box = make("div", { class: "drawn", hidden: true });
  const line = document.createElementNS(SVG, "polyline");
  const lines = document.createElementNS(SVG, "svg");
  lines.setAttribute("class", "stroke");
  lines.append(line);
  const sheet = make("div", { class: "over", hidden: true }, box, lines);
  for (const each of ["wheel", "contextmenu"]) {
    sheet.addEventListener(each, (event) => {
      event.preventDefault();
      nv.canvas.dispatchEvent(new event.constructor(each, event));
    });
  }
  let places = null;
  const at = (event) => {
    const frame = sheet.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const dots = nv.uiData.dpr;
    const tile = nv.tileIndex(x * dots, y * dots);
    const plane = tile < 0 ? -1 : nv.screenSlices[tile].axCorSag;
    const parts = nv.canvasPos2frac([x * dots, y * dots]);
    return { x, y, plane, parts: [...parts], isOn: plane >= 0 && plane < 3 && parts[0] >= 0 };
  };
  const show = () => {
    const [first, last] = [places[0], places.at(-1)];
    box.hidden = kind() !== "box";
    Object.assign(box.style, {
      left: `${Math.min(first.x, last.x)}px`, top: `${Math.min(first.y, last.y)}px`,
      width: `${Math.abs(first.x - last.x)}px`, height: `${Math.abs(first.y - last.y)}px`,
    });
    line.setAttribute("points", kind() === "stroke" ? places.map(({ x, y }) => `${x},${y}`).join(" ") : "");
  };
  const clear = () => {
    places = null;
    box.hidden = true;
    line.setAttribute("points", "");
  };
  sheet.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const place = at(event);
    if (!place.isOn) {
      tell("Draw on one of the three planes.");
      return;
    }
    sheet.setPointerCapture(event.pointerId);
    places = [place];
  });
  sheet.addEventListener("pointermove", (event) => {
    if (!places) return;
    // a browser sums up what a fast pointer did since the last picture
    for (const each of kind() === "stroke" ? event.getCoalescedEvents?.() ?? [event] : [event]) {
      const place = at(each);
      if (place.isOn && place.plane === places[0].plane && places.length < MOST_POINTS) places.push(place);
    }
    show();
  });
  sheet.addEventListener("pointerup", guarded(async () => {
    if (!places) return;
    const [first, last] = [places[0], places.at(-1)];
    const voxels = places.map(({ parts }) => grid.voxelAt(parts));
    clear();
    if (kind() === "stroke") {
      await done.stroke(first.plane, voxels);
    } else if (kind() !== "box") {
      await done.point(voxels[0]);
    } else if (Math.abs(first.x - last.x) < LEAST_PX || Math.abs(first.y - last.y) < LEAST_PX) {
      tell("Drag a box around the object, from corner to corner.");
    } else {
      await done.box(first.plane, voxels[0], voxels.at(-1));
    }
  }));
  sheet.addEventListener("pointercancel", clear);
  return sheet;
}

/** Voxels along a stroke on one slice across an own axis: each once, and two at least. */
export function strokeOf(voxels, across) {
  const kept = voxels.filter((voxel, n) => !n || voxel.some((value, axis) => axis !== across && value !== voxels[n - 1][axis]));
  const points = kept.map((voxel) => voxel.with(across, voxels[0][across]));
  return points.length > 1 ? points : [points[0], points[0]];
}
