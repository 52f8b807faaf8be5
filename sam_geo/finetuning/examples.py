"""Examples: polygons on a raster as the images and masks that a network is taught by.

Windows are those from which `sam-geo prompt` would decode the boxes of the polygons, at the same
resolution and with the same stretch, so that the network learns what it will be asked.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from sam_common.errors import InputError
from sam_common.masks.decoded import MaskRegion
from sam_common.training_data.examples import (
    PARTS,
    SHARES,
    TrainingImage,
    TrainingObject,
    split_by_place,
)
from sam_geo.prompted.windows import plan_windows
from sam_geo.prompts.mask_prompt import outline_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from sam_common.training_data.examples import Part
    from sam_geo.prompts.geo_prompt import GeoPrompt
    from sam_geo.raster.read_window import ReadWindow
    from sam_geo.raster.source import RasterSource
    from sam_geo.raster.stretch import Stretch

LEAST_PX = 9
"""Pixels of the smallest object, as it is read, that a network can be taught."""
LARGEST = 0.8
"""Part of its window that an object may cover at most: more is no object in it."""
MOST_WINDOWS = 48
"""Windows that are read at most; with 8 views each they take 1.6 GB of embeddings on disk."""


@dataclass(frozen=True, slots=True, eq=False)
class RasterExamples:
    """Images with objects, and what was left out."""

    images: list[TrainingImage]
    notes: list[str]
    """A sentence for each reason for which objects were left out."""
    objects: list[GeoPrompt]
    """The objects that are used, in raster indices."""
    parts: list[Part]
    """Their parts, in the same order."""


def raster_examples(
    source: RasterSource,
    stretch: Stretch,
    objects: Sequence[GeoPrompt],
    *,
    judges: Sequence[GeoPrompt] | None = None,
    side: int = 1024,
    seed: int = 0,
) -> RasterExamples:
    """Images and masks of polygons on a raster, parted in space.

    Args:
        source: The raster, which stays open as long as the images are loaded.
        stretch: Raster values to bytes.
        objects: Polygons in raster indices, loaded with their outlines.
        judges: Polygons that judge, in place of a part of `objects`.
        side: Side of the network's input in pixels.
        seed: Another one gives other parts.

    Raises:
        InputError: If no polygon lies in the raster.
    """
    left = Counter[str]()
    kept = _usable(objects, left)
    others = _usable(judges or (), left)
    if not kept:
        reasons = ", ".join(f"{n} {why}" for why, n in left.items()) or "there are none"
        raise InputError(f"no objects to learn from in {source.path}: {reasons}")
    parts = split_by_place(_centres(kept), seed=seed, judged_elsewhere=judges is not None)
    judging: list[Part] = ["judge"] * len(others)
    kept, parts = [*kept, *others], [*parts, *judging]
    kept, parts = _apart(kept, parts, left)
    kept, parts = _read_well(source, kept, parts, side, left)
    windows = _windows(kept, parts, source.size_hw, side, left)
    images = [_image(source, stretch, window, kept, parts) for window in windows]
    notes = [f"{n} object{'' if n == 1 else 's'} left out: {why}" for why, n in left.items()]
    used = sorted(n for window in windows for n in window.prompts)
    return RasterExamples(images, notes, [kept[n] for n in used], [parts[n] for n in used])


def _usable(objects: Sequence[GeoPrompt], left: Counter[str]) -> list[GeoPrompt]:
    """Polygons in the raster; one of several that are the same."""
    found, seen = [], set()
    for one in objects:
        if one.status == "invalid" or (one.is_placed and one.outline is None):
            left["no polygon"] += 1
        elif not one.is_placed:
            left["outside the raster"] += 1
        elif (key := shapely.to_wkb(shapely.normalize(one.outline))) in seen:
            left["the same as another"] += 1
        else:
            seen.add(key)
            found.append(one)
    return found


def _centres(objects: Sequence[GeoPrompt]) -> npt.NDArray[np.float64]:
    """(N, 2) centres of the boxes, x and y in raster indices."""
    boxes = np.array([one.box_xyxy for one in objects], dtype=np.float64)
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2)


def _apart(
    objects: Sequence[GeoPrompt], parts: Sequence[Part], left: Counter[str]
) -> tuple[list[GeoPrompt], list[Part]]:
    """Leave out what learns, or stops, where it touches an object of a later part."""
    shapes = np.array([shapely.box(*one.box_xyxy) for one in objects if one.box_xyxy], dtype=object)
    rank = np.array([PARTS.index(part) for part in parts])
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    touching = set(first[rank[first] < rank[second]].tolist())
    left["touching an object that stops or judges"] += len(touching)
    if not touching:
        del left["touching an object that stops or judges"]
    stay = [n for n in range(len(objects)) if n not in touching]
    return [objects[n] for n in stay], [parts[n] for n in stay]


def _read_well(
    source: RasterSource,
    objects: Sequence[GeoPrompt],
    parts: Sequence[Part],
    side: int,
    left: Counter[str],
) -> tuple[list[GeoPrompt], list[Part]]:
    """Leave out objects that are too small or too large in the windows that they are read from."""
    stay = set()
    for window in plan_windows(objects, source.size_hw, side=side):
        for n in window.prompts:
            area = int(_mask(objects[n], window).sum())
            if area < LEAST_PX:
                left[f"smaller than {LEAST_PX} pixels as they are read"] += 1
            elif area > LARGEST * math.prod(window.size_hw):
                left[f"covering more than {LARGEST:.0%} of their window"] += 1
            else:
                stay.add(n)
    order = sorted(stay)
    return [objects[n] for n in order], [parts[n] for n in order]


def _mask(one: GeoPrompt, window: ReadWindow) -> npt.NDArray[np.bool_]:
    """The pixels of an object in a window; none where it has no outline."""
    if one.outline is None:
        return np.zeros(window.size_hw, dtype=np.bool_)
    return outline_mask(one.outline, window)


def _windows(
    objects: Sequence[GeoPrompt],
    parts: Sequence[Part],
    size_hw: tuple[int, int],
    side: int,
    left: Counter[str],
) -> list[ReadWindow]:
    """The windows of the objects: of each part those with most of its objects, where too many."""
    windows = plan_windows(objects, size_hw, side=side)
    if len(windows) <= MOST_WINDOWS:
        return windows
    chosen: set[int] = set()
    for part in PARTS:
        held = [sum(parts[n] == part for n in window.prompts) for window in windows]
        order = sorted(range(len(windows)), key=lambda n, held=held: (-held[n], n))  # type: ignore[misc]
        chosen.update(n for n in order[: max(1, int(SHARES[part] * MOST_WINDOWS))] if held[n])
    dropped = sum(len(window.prompts) for n, window in enumerate(windows) if n not in chosen)
    left[f"in windows beyond the {len(chosen)} with most objects"] += dropped
    return [windows[n] for n in sorted(chosen)]


def _image(
    source: RasterSource,
    stretch: Stretch,
    window: ReadWindow,
    objects: Sequence[GeoPrompt],
    parts: Sequence[Part],
) -> TrainingImage:
    """A window with the masks of its objects."""
    return TrainingImage(
        functools.partial(_pixels, source, stretch, window),
        window.size_hw,
        tuple(_taught(window, ((objects[n], parts[n]) for n in window.prompts))),
    )


def _taught(
    window: ReadWindow, members: Iterable[tuple[GeoPrompt, Part]]
) -> Iterable[TrainingObject]:
    for one, part in members:
        region = MaskRegion.tight((0, 0), _mask(one, window))
        if region is not None:
            yield TrainingObject(region, part, str(one.prompt_id))


def _pixels(source: RasterSource, stretch: Stretch, window: ReadWindow) -> npt.NDArray[np.uint8]:
    return stretch.apply(source.read(window.window, out_hw=window.size_hw))
