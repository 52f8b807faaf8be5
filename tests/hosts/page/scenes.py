"""Rasters with what is true of them, `objects`, `nested` or `cover`: `scenes.py KIND FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "oracles"))
import numpy as np
import rasterio
from cover_scenes import NAMES, cover_scene, unseen_bands
from object_scenes import GRID, object_scene

NESTED = [
    ((15, 225), (15, 305), (90, 120, 60)),
    ((40, 100), (40, 100), (200, 80, 80)),
    ((60, 80), (60, 80), (80, 80, 220)),
    ((40, 70), (180, 220), (220, 180, 60)),
    ((140, 190), (60, 120), (120, 60, 180)),
    ((150, 180), (200, 260), (60, 180, 180)),
]
"""Rows, columns and colour of rectangles, each after the one that it lies in."""


def nested(folder: Path) -> None:
    """Write rectangles that lie in one another, on black."""
    image = np.zeros((3, 240, 320), dtype=np.uint8)
    for (top, bottom), (left, right), colour in NESTED:
        image[:, top:bottom, left:right] = np.array(colour)[:, None, None]
    with rasterio.open(
        folder / "nested.tif", "w", driver="GTiff", count=3, dtype="uint8", crs="EPSG:32633",
        transform=GRID, height=240, width=320,
    ) as dataset:  # fmt: skip
        dataset.write(image)
    areas = [(rows[1] - rows[0]) * (columns[1] - columns[0]) for rows, columns, _ in NESTED]
    (folder / "areas.json").write_text(json.dumps(areas))


def main(kind: str, folder: Path) -> None:
    """Write the raster, and beside it what is true of it."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "objects":
        table = object_scene(folder, noise=0).table
        rows = table[["kind", "row", "col"]].to_dict("records")
        (folder / "truth.json").write_text(json.dumps(rows))
        return
    if kind == "nested":
        nested(folder)
        return
    scene = cover_scene(folder, noise=10)
    unseen_bands(scene.raster, folder / "many.tif")
    np.save(folder / "truth.npy", scene.truth)
    (folder / "names.json").write_text(json.dumps(NAMES))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
