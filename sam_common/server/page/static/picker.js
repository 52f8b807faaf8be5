// Picking on the map of a raster: an own object is gone on with, one that was found is kept.

import { outlineLayer, outlineOf, outlineStyle, smallestAt, smallestOf } from "./outlines.js";
import { tell } from "./ui.js";

const NEAR_PX = 5;
const NOTHING = "There is no object yet: click on one with Point on it, or Find everything.";

export class Picker {
  /** `page` is that of a raster; `everything` is set once that part of its panel is there. */
  constructor(page) {
    this.page = page;
    this.everything = null;
    this.lit = outlineLayer(outlineStyle("#ffffff", 2.5, "#ffffff40"), 2.5);
    page.map.addLayer(this.lit);
  }

  /** The smallest outline around a place, of an own object or of one that was found; where none is
   *  around it, the smallest one whose line is near. */
  at(place) {
    const { map, outlines } = this.page;
    const layers = [outlines, this.everything.layer];
    const around = layers.flatMap((layer) => smallestAt(layer, place) ?? []);
    return smallestOf(around) ?? smallestOf(map.getFeaturesAtPixel(map.getPixelFromCoordinate(place), {
      hitTolerance: NEAR_PX, layerFilter: (layer) => layers.includes(layer),
    }));
  }

  /** Show what a click at a place would pick; gives that in words. */
  point(place) {
    const feature = place && this.at(place);
    this.light(feature);
    if (!feature) return "";
    const object = this.page.session.objects.find((each) => each.object === feature.get("object"));
    return object ? `${object.name}: ${this.page.areaOf(object)}` : this.everything.told(feature);
  }

  /** Go on with the object at a place; one that was found is kept first. */
  async pick(place) {
    const { session, outlines } = this.page;
    const feature = this.at(place);
    if (!feature) {
      const isEmpty = [outlines, this.everything.layer].every((layer) => layer.getSource().isEmpty());
      tell(isEmpty ? NOTHING : "There is no object at that place.");
      return;
    }
    this.light(null);
    const name = feature.get("object");
    if (name === undefined) {
      await this.everything.keep(feature);
    } else {
      session.choose(name);
      tell(`${session.currentObject.name} is chosen. To correct it, click with a point tool.`);
    }
    document.querySelector("tr.current")?.scrollIntoView({ block: "nearest" });
  }

  /** Fill an outline; none where null. */
  light(feature) {
    const source = this.lit.getSource();
    source.clear(true);
    if (feature) source.addFeature(outlineOf(feature.getGeometry()));
    this.page.target.classList.toggle("on-object", Boolean(feature));
  }

  /** What was found is picked by the pointer; where it is hidden again, points are set as before. */
  follow(isFound) {
    const { tools } = this.page;
    const [now, then] = isFound ? ["plus", "pick"] : ["pick", "plus"];
    if (tools.chosen === now) tools.choose(then);
  }
}
