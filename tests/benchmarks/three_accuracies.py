"""Three accuracies beside the truth: `python -m tests.benchmarks.three_accuracies`.

On a tile whose class is known for every pixel (`lc_chesapeake_tile`: aerial image of four bands,
260 x 260 pixels; barren counts as low vegetation, roads as built), maps are made from 300 sampled
pixels, which are strewn over the tile by chance or lie in twelve places of eleven by eleven pixels.
Random and blocked accuracy are those that the map comes with; the design-based one is from 300
points of `draw_points`, looked up in the truth. The last column counts all pixels. The table is
that of `docs/three-accuracies.md`. Needs `SAM_TEST_DATA`.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas
import numpy as np
import rasterio
import shapely

from sam_geo import assess, draw_points, landcover

if TYPE_CHECKING:
    import numpy.typing as npt
    from affine import Affine

    IntArray = npt.NDArray[np.int64]

TILE = Path(os.environ.get("SAM_TEST_DATA", "../shared/data")) / "geo/lc_chesapeake_tile"
IMAGE = TILE / "m_3907833_nw_17_1_naip-new.tif"
TRUTH = TILE / "m_3907833_nw_17_1_lc.tif"
NAMES = np.array(["", "water", "trees", "low", "low", "built", "built"])
"""Class of each value of the truth."""
STREWN, PLACES, IN_PLACE, SIDE = 300, 12, 25, 11
CHECKED = 300
SEEDS = (0, 1, 2, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """The tile with its class of every pixel."""

    classes: npt.NDArray[np.str_]
    """(h, w)."""
    transform: Affine
    crs: object

    def at(self, points: geopandas.GeoDataFrame) -> list[str]:
        """The true class under each point."""
        cols, rows = ~self.transform @ (points.geometry.x.to_numpy(), points.geometry.y.to_numpy())
        return self.classes[np.floor(rows).astype(int), np.floor(cols).astype(int)].tolist()


def strewn(tile: Tile, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Pixels (N, 2) anywhere, each a sample of its own."""
    index = rng.choice(tile.classes.size, STREWN, replace=False)
    return np.stack(np.unravel_index(index, tile.classes.shape), axis=1), np.arange(STREWN)


def in_places(tile: Tile, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Pixels (N, 2) in a few places; those of one class in one place are one sample."""
    corners = rng.integers(0, np.array(tile.classes.shape) - SIDE, (PLACES, 2))
    within = [rng.choice(SIDE * SIDE, IN_PLACE, replace=False) for _ in corners]
    cells = [
        corner + np.stack([one // SIDE, one % SIDE], axis=1)
        for corner, one in zip(corners, within, strict=True)
    ]
    return np.concatenate(cells), np.repeat(np.arange(PLACES), IN_PLACE)


def row(tile: Tile, name: str, seed: int, folder: Path) -> str:
    """One map and its accuracies, as a line of a Markdown table."""
    cells, owner = {"strewn": strewn, "twelve places": in_places}[name](
        tile, np.random.default_rng(seed)
    )
    x, y = tile.transform @ (cells[:, 1] + 0.5, cells[:, 0] + 0.5)
    columns = {"class": tile.classes[cells[:, 0], cells[:, 1]], "place": owner}
    samples = geopandas.GeoDataFrame(columns, geometry=shapely.points(x, y), crs=tile.crs)
    samples = samples.dissolve(["class", "place"]).reset_index()
    samples.to_file(folder / "samples.gpkg")
    record = landcover(IMAGE, folder / "samples.gpkg", folder / "map.tif")
    with rasterio.open(folder / "map.tif") as dataset:
        mapped = dataset.read(1)
    names = np.array(["", *record["classes"].values()])
    points = draw_points(folder / "map.tif", CHECKED)
    points["reference"] = tile.at(points)
    points.to_file(folder / "points.gpkg")
    overall = assess(folder / "map.tif", folder / "points.gpkg").estimates.overall
    found = {kind: one["overall"] for kind, one in record["training"]["accuracies"].items()}
    truth = float((names[mapped] == tile.classes)[mapped > 0].mean())
    return (
        f"| {name} | {found['random']:.3f} | {found['blocked']:.3f} | "
        f"{overall.value:.3f} ± {overall.margin:.3f} | {truth:.3f} |"
    )


def main() -> None:
    """Print the table, row by row as the maps are made."""
    with rasterio.open(TRUTH) as dataset:
        tile = Tile(NAMES[dataset.read(1)], dataset.transform, dataset.crs)
    print("| samples | random | blocked | design-based | truth |\n|---|---|---|---|---|")  # noqa: T201
    for name in ("strewn", "twelve places"):
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                print(row(tile, name, seed, Path(folder)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
