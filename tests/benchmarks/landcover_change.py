"""Change between maps of two dates: `python -m tests.benchmarks.landcover_change`.

Two questions. *Buildings*: pairs of aerial images of 256 x 256 pixels whose new buildings are drawn
(`chg_levir_11pairs`); each date is mapped from twenty points, whose classes were told by eye
(`landcover_points.csv`), and what became a building is compared with the truth, beside the
difference of two maps of a random forest from the same points. *Water*: three dates of a prairie
with ponds (`naip_series`), whose grids differ; nobody has drawn the water, and NDWI > 0 stands in
for it. Needs `SAM_TEST_DATA`.
"""

from __future__ import annotations

import csv
import itertools
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pandas as pd
import rasterio
import rasterio.features
import rasterio.warp
import shapely
from affine import Affine
from PIL import Image

from sam_geo import detect_change, landcover
from tests.benchmarks.landcover import forest, forest_in_squares
from tests.benchmarks.landcover_data import Samples, Scene, root

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    BoolArray = npt.NDArray[np.bool_]
    IntArray = npt.NDArray[np.int64]

POINTS = Path(__file__).with_name("landcover_points.csv")
BUILDING = "building"
HALF_METRE = Affine(0.5, 0, 600_000, 0, -0.5, 3_400_000)
"""Pixels of the pairs, which come without a place."""
DATES = {
    "2009": "naip_series/naip_2009.tif",
    "2010": "naip_wetlands/naip_2010.tif",
    "2014": "naip_series/naip_2014.tif",
}
DRAWN = 20
"""Points of each class that a map of water learns."""
HALF = 0.5
"""Share of a polygon's change that misregistration explains, from which it is left out."""
HECTARE_M2 = 10_000


def f1(found: BoolArray, true: BoolArray) -> float:
    """F1 of pixels; 1 where there is nothing to find and nothing was found."""
    both = int((found & true).sum())
    total = int(found.sum() + true.sum())
    return 2 * both / total if total else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Date:
    """An image with sampled points."""

    bands: npt.NDArray[np.uint8]
    """(B, h, w)."""
    cells: IntArray
    """(N, 2) row and column of each point."""
    names: tuple[str, ...]
    """(N,) their classes."""

    def map_by(self, folder: Path, stem: str) -> Path:
        """The product's map, with everything as it comes."""
        count, height, width = self.bands.shape
        image, samples = folder / f"{stem}.tif", folder / f"{stem}.gpkg"
        with rasterio.open(
            image, "w", driver="GTiff", count=count, dtype="uint8", height=height, width=width,
            crs="EPSG:32614", transform=HALF_METRE,
        ) as dataset:  # fmt: skip
            dataset.write(self.bands)
        write_points(samples, self.cells, self.names, HALF_METRE, "EPSG:32614")
        found = folder / f"{stem}_map.tif"
        landcover(image, samples, found)
        return found

    def scene(self) -> Scene:
        """The same for the references."""
        classes, label = np.unique(self.names, return_inverse=True)
        number = np.arange(len(self.cells))
        return Scene(
            "pair",
            self.bands.astype(np.float32),
            np.ones(self.bands.shape[1:], dtype=np.bool_),
            tuple(classes.tolist()),
            Samples(self.cells, number, label.astype(np.int64), number),
        )


def write_points(
    path: Path, cells: IntArray, names: tuple[str, ...], transform: Affine, crs: object
) -> None:
    x, y = transform @ (cells[:, 1] + 0.5, cells[:, 0] + 0.5)
    table = geopandas.GeoDataFrame({"class": list(names)}, geometry=shapely.points(x, y), crs=crs)
    table.to_file(path)


def pairs() -> Iterator[tuple[str, Date, Date, BoolArray]]:
    """Name, both dates, and (h, w) where buildings came."""
    with POINTS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    folder = root() / "chg_levir_11pairs"
    for name in sorted({row["pair"] for row in rows}):
        dates = []
        for letter in "AB":
            mine = [row for row in rows if (row["pair"], row["date"]) == (name, letter)]
            image = np.asarray(Image.open(folder / letter / f"{name}.png").convert("RGB"))
            cells = np.array([(int(row["row"]), int(row["col"])) for row in mine])
            classes = tuple(row["class"] for row in mine)
            dates.append(Date(np.moveaxis(image, -1, 0), cells, classes))
        truth = np.asarray(Image.open(folder / "label" / f"{name}.png").convert("L")) > 0
        yield name, dates[0], dates[1], truth


def came_by_polygons(before: Path, after: Path, *, surely: bool) -> BoolArray:
    """(h, w) pixels of the polygons that became a building.

    Args:
        before: The first map.
        after: The second map.
        surely: Whether polygons are left out that misregistration alone could mostly explain.
    """
    found = detect_change(before, after).polygons
    kept = found[found["to"] == BUILDING]
    if surely:
        kept = kept[kept["misreg"] < HALF]
    with rasterio.open(before) as dataset:
        shape, transform = dataset.shape, dataset.transform
    if not len(kept):
        return np.zeros(shape, dtype=np.bool_)
    return rasterio.features.rasterize(kept.geometry, shape, transform=transform) > 0


def came_by(scenes: tuple[Scene, Scene], maps: tuple[IntArray, IntArray]) -> BoolArray:
    """(h, w) pixels that are a building in the second map and were none in the first."""
    first, second = (
        np.array([name == BUILDING for name in scene.classes])[found]
        for scene, found in zip(scenes, maps, strict=True)
    )
    return np.asarray(second & ~first)


def buildings() -> list[dict[str, Any]]:
    """F1 of new buildings, by pair and of all pixels together."""
    rows, found = [], []
    for name, before, after, truth in pairs():
        scenes = before.scene(), after.scene()
        with tempfile.TemporaryDirectory() as folder:
            maps = before.map_by(Path(folder), "before"), after.map_by(Path(folder), "after")
            ours = [came_by_polygons(*maps, surely=surely) for surely in (False, True)]
        references = [
            came_by(scenes, (method(scenes[0], scenes[0].samples),
                             method(scenes[1], scenes[1].samples)))
            for method in (forest, forest_in_squares)
        ]  # fmt: skip
        found.append((truth, [*references, *ours]))
        rows.append({"pair": name, "share": float(truth.mean()), **_scores(*found[-1])})
    together = np.stack([truth for truth, _ in found])
    every = [np.stack(one) for one in zip(*(masks for _, masks in found), strict=True)]
    rows.append({"pair": "all", "share": float(together.mean()), **_scores(together, every)})
    return rows


def _scores(truth: BoolArray, masks: list[BoolArray]) -> dict[str, float]:
    names = ("forest", "forest in squares", "ours", "ours, surely")
    return {name: f1(mask, truth) for name, mask in zip(names, masks, strict=True)}


@dataclass(frozen=True, slots=True, eq=False)
class Pond:
    """One date of the prairie."""

    path: Path
    water: BoolArray
    """(h, w) NDWI > 0."""
    valid: BoolArray
    transform: Affine
    crs: Any


def ponds() -> dict[str, Pond]:
    found = {}
    for date, name in DATES.items():
        with rasterio.open(root() / name) as dataset:
            _, green, _, infrared = dataset.read().astype(np.float64)
            ndwi = (green - infrared) / np.maximum(green + infrared, 1)
            valid = dataset.dataset_mask() > 0
            found[date] = Pond(
                root() / name, (ndwi > 0) & valid, valid, dataset.transform, dataset.crs
            )
    return found


def water_map(pond: Pond, folder: Path, seed: int) -> tuple[Path, BoolArray]:
    """The product's map of water from points drawn by chance, and where it says water."""
    rng = np.random.default_rng(seed)
    cells, names = [], []
    for name, where in (("water", pond.water), ("land", pond.valid & ~pond.water)):
        there = np.argwhere(where)
        cells.append(there[rng.choice(len(there), DRAWN, replace=False)])
        names += [name] * DRAWN
    stem = pond.path.stem
    write_points(
        folder / f"{stem}.gpkg", np.concatenate(cells), tuple(names), pond.transform, pond.crs
    )
    output = folder / f"{stem}_map.tif"
    record = landcover(pond.path, folder / f"{stem}.gpkg", output)
    value = next(int(key) for key, name in record["classes"].items() if name == "water")
    with rasterio.open(output) as dataset:
        return output, dataset.read(1) == value


def moved(mask: BoolArray, there: Pond, here: Pond) -> IntArray:
    """A mask of one date on the grid of another: 0 and 1, -1 where there is none."""
    out = np.full(here.water.shape, -1, dtype=np.int16)
    rasterio.warp.reproject(
        np.where(there.valid, mask, -1).astype(np.int16), out, src_transform=there.transform,
        src_crs=there.crs, dst_transform=here.transform, dst_crs=here.crs, src_nodata=-1,
        dst_nodata=-1, resampling=rasterio.warp.Resampling.nearest,
    )  # fmt: skip
    return out


def water(seeds: range = range(2)) -> dict[str, list[dict[str, Any]]]:
    """F1 of water of each date; F1 and hectares of water gained and lost between dates."""
    known = ponds()
    dates: list[dict[str, Any]] = []
    moves: list[dict[str, Any]] = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            maps = {date: water_map(pond, Path(folder), seed) for date, pond in known.items()}
            dates += [
                {"date": date, "share": float(pond.water[pond.valid].mean()),
                 "mapped": float(maps[date][1][pond.valid].mean()),
                 "f1": f1(maps[date][1][pond.valid], pond.water[pond.valid])}
                for date, pond in known.items()
            ]  # fmt: skip
            for first, second in itertools.pairwise(known):
                moves += _moves(known, maps, first, second)
    return {"dates": _means(dates, ["date"]), "moves": _means(moves, ["dates", "what"])}


def _moves(
    known: dict[str, Pond], maps: dict[str, tuple[Path, BoolArray]], first: str, second: str
) -> Iterator[dict[str, Any]]:
    here, there = known[first], known[second]
    after, true_after = (moved(mask, there, here) for mask in (maps[second][1], there.water))
    both = here.valid & (after >= 0)
    changes = detect_change(maps[first][0], maps[second][0]).changes
    pixel_ha = abs(here.transform.determinant) / HECTARE_M2
    for what, (was, became) in {"gained": ("land", "water"), "lost": ("water", "land")}.items():
        is_water = what == "lost"
        true = (here.water == is_water) & (true_after == (not is_water)) & both
        found = (maps[first][1] == is_water) & (after == (not is_water)) & both
        row = changes[(changes["from"] == was) & (changes["to"] == became)].iloc[0]
        yield {
            "dates": f"{first} to {second}", "what": what, "f1": f1(found, true),
            "stand_in_ha": float(true.sum() * pixel_ha), "ha": row["area_m2"] / HECTARE_M2,
            "misreg_share": row["misreg_share"],
        }  # fmt: skip


def _means(rows: list[dict[str, Any]], keys: list[str]) -> list[dict[str, Any]]:
    """Rows with the same keys as one, with means of the others, in the order of the first ones."""
    table = pd.DataFrame(rows)
    found: list[dict[str, Any]] = (
        table.groupby(keys, sort=False).mean().reset_index().to_dict("records")
    )
    return found


def main() -> None:
    sys.stdout.write(json.dumps({"buildings": buildings(), "water": water()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
