// Outlines on the map: each is seen on any ground, and where several lie on one another the smallest
// is drawn last and picked first.

/** A layer of outlines, the larger ones below the smaller ones. */
export const outlineLayer = (style, zIndex) => new ol.layer.Vector({
  source: new ol.source.Vector(), style, zIndex, renderOrder: (a, b) => b.get("size") - a.get("size"),
});

/** A feature of a geometry of the map, with facts that are kept with it. */
export const outlineOf = (geometry, facts = {}) => new ol.Feature({ geometry, size: geometry.getArea(), ...facts });

/** The smallest one of some outlines, the first one of several; null where there is none. */
export const smallestOf = (features) =>
  features.reduce((least, each) => (least && least.get("size") <= each.get("size") ? least : each), null);

/** The smallest outline of a layer around a place; null where there is none. */
export const smallestAt = (layer, place) => smallestOf(layer.getSource().getFeaturesAtCoordinate(place));

/** An outline in a colour, with a dark edge that tells it from bright and from alike ground. */
export const outlineStyle = (colour, width, fill = null) => [
  new ol.style.Style({
    stroke: new ol.style.Stroke({ color: "#000000a6", width: width + 2 }),
    fill: fill ? new ol.style.Fill({ color: fill }) : undefined,
  }),
  new ol.style.Style({ stroke: new ol.style.Stroke({ color: colour, width }) }),
];

/** A colour for each number from 0; those of neighbouring numbers differ much. */
export function colourOf(number) {
  // the golden angle: each further hue lies in the widest gap between those before
  return `hsl(${((number * 137.508) % 360).toFixed(1)} 95% ${[62, 72, 52][number % 3]}%)`;
}

/** An area in words: on the ground where that is known, else in pixels. */
export function areaText(pixels, metres) {
  if (!pixels) return "–";
  if (typeof metres !== "number") return `${pixels.toLocaleString("en")} px`;
  if (metres >= 1e6) return `${(metres / 1e6).toFixed(2)} km²`;
  if (metres >= 1e5) return `${(metres / 1e4).toFixed(1)} ha`;
  return `${metres.toFixed(metres < 100 ? 1 : 0)} m²`;
}
