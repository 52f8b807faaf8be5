// Masks of outlines, as the server takes them.

/** The pixels whose centres lie in a Polygon or MultiPolygon of pixel corners (y down): their window
 *  and run lengths down the columns, background first; null where there is none. */
export function maskOf({ type, coordinates }, [rows, columns]) {
  const rings = type === "Polygon" ? coordinates : coordinates.flat();
  const [xs, ys] = [0, 1].map((axis) => rings.flat().map((place) => place[axis]));
  const ends = (values, size) => [Math.max(0, Math.floor(values.reduce((a, b) => Math.min(a, b)))),
    Math.min(size, Math.ceil(values.reduce((a, b) => Math.max(a, b))))];
  const [[left, right], [top, bottom]] = [ends(xs, columns), ends(ys, rows)];
  if (left >= right || top >= bottom) return null;
  const counts = [0];
  let value = 0;
  const run = (next, length) => {
    if (!length) return;
    if (next !== value) {
      counts.push(0);
      value = next;
    }
    counts[counts.length - 1] += length;
  };
  for (let column = left; column < right; column += 1) {
    const x = column + 0.5;
    const crossings = rings.flatMap((ring) => ring.slice(1).flatMap(([bx, by], n) => {
      const [ax, ay] = ring[n];
      return (ax <= x) === (bx <= x) ? [] : [ay + ((x - ax) / (bx - ax)) * (by - ay)];
    })).sort((a, b) => a - b).map((y) => Math.min(bottom, Math.max(top, Math.ceil(y - 0.5))));
    let at = top;
    crossings.forEach((row, n) => {
      run(n % 2, row - at);
      at = row;
    });
    run(0, bottom - at);
  }
  if (counts.length === 1) return null;
  return { window: [[top, left], [bottom, right]], size: [bottom - top, right - left], counts };
}
