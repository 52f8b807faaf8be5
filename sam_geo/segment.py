"""From a raster and prompts to one row per prompt: the whole way.

```
source -> stretch -> prompts -> windows -> embed -> decode -> polygonize -> table
```
Memory is bounded by one window, whatever the size of the raster.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import geopandas
import numpy as np

from sam_common.errors import SuiteError
from sam_common.prompts import POSITIVE, Prompts
from sam_common.segmenter import check_prompts
from sam_geo.area import area_meter
from sam_geo.polygonize import polygonize
from sam_geo.prompts import GeoPrompt, PromptStatus, load_prompts
from sam_geo.source import Pixels, RasterSource, open_raster
from sam_geo.stretch import Stretch, choose_stretch
from sam_geo.windows import ReadWindow, plan_windows

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt
    import shapely

    from sam_common.frame import Frame
    from sam_common.masks import MaskRegion, Masks
    from sam_common.segmenter import Embedding, Segmenter

Status: TypeAlias = PromptStatus | Literal["nodata", "empty", "failed"]
"""`ok`; `clipped`: cut at the raster's edge, with a polygon. Without a polygon: `outside` and
`invalid` (see `GeoPrompt`); `nodata`: no valid pixel under the prompt; `empty`: the network found
nothing; `failed`: the window could not be read or the network failed."""

Progress: TypeAlias = "Callable[[str, int], AbstractContextManager[Callable[[int], None]]]"
"""Called with a description and a total; gives a function that takes steps done."""

COLUMNS = ("prompt_id", "status", "score", "area_m2", "area_px", "class", "geometry")
STEPS = ("read", "embed", "decode", "polygonize")


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one prompt."""

    status: Status
    score: float | None = None
    """The network's own estimate of the mask's IoU."""
    area_m2: float | None = None
    area_px: float | None = None
    """In pixels of the raster."""
    geometry: shapely.Geometry | None = None
    """Polygon or MultiPolygon in the raster's reference system."""


@dataclass(frozen=True, slots=True, eq=False)
class PromptJob:
    """A finished job: the table, and how it came about."""

    table: geopandas.GeoDataFrame
    """One row per prompt, in their order; columns as in `COLUMNS`."""
    prompts: Sequence[GeoPrompt]
    stretch: Stretch
    windows: Sequence[ReadWindow]
    embeddings: int
    seconds: dict[str, float]
    """Wall time of the steps: read, embed, decode, polygonize."""
    failures: Sequence[str]
    """One message for each window that failed."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of prompts per status, most frequent first."""
        return dict(Counter(self.table["status"].tolist()).most_common())


def segment_prompts(
    image: str | os.PathLike[str],
    prompts: str | os.PathLike[str] | geopandas.GeoDataFrame,
    *,
    segmenter: Segmenter,
    bands: Sequence[int] | None = None,
    prompts_crs: str | None = None,
) -> geopandas.GeoDataFrame:
    """Segment the object of each prompt.

    Args:
        image: A raster of any size that GDAL opens.
        prompts: Boxes, polygons or points: a vector file in any reference system, Pascal VOC XML,
            CSV in pixels, or a GeoDataFrame.
        segmenter: From `sam_common.segmenter.load_segmenter`.
        bands: One or three 1-based bands to look at; red, green, blue where not given.
        prompts_crs: Reference system of the prompts, over what their file says.

    Returns:
        One row per prompt with the columns `COLUMNS`, in the raster's reference system. Prompts
        outside the raster or on nodata have their row too, with a status and no geometry.

    Raises:
        InputError: The raster or the prompts cannot be used.
        CapabilityError: The segmenter was not trained for this kind of prompt.
    """
    with open_raster(image, bands=bands) as source:
        found = load_prompts(prompts, source, crs=prompts_crs)
        return run_prompts(source, found, segmenter).table


def run_prompts(
    source: RasterSource,
    prompts: Sequence[GeoPrompt],
    segmenter: Segmenter,
    *,
    progress: Progress | None = None,
) -> PromptJob:
    """Run a job on an open raster; a window that fails is reported in its rows, not raised.

    Raises:
        CapabilityError: The segmenter was not trained for this kind of prompt.
        GeometryError: The raster has no usable geotransform.
        InputError: The sample for the stretch cannot be read.
    """
    _check_kinds(segmenter, prompts)
    plan = plan_windows(prompts, source.size_hw, side=segmenter.model_size)
    work = _Work(source, segmenter, choose_stretch(source))
    rows = {n: Row(prompt.status) for n, prompt in enumerate(prompts) if not prompt.is_placed}
    with (progress or _silent)("windows", len(plan)) as advance:
        for read in plan:
            rows |= work.window(read, prompts)
            advance(1)
    table = _table([rows[n] for n in range(len(prompts))], prompts, source)
    return PromptJob(
        table, prompts, work.stretch, plan, work.embeddings, work.seconds, work.failures
    )


@dataclass(slots=True)
class _Work:
    """One job's tools and its running figures."""

    source: RasterSource
    segmenter: Segmenter
    stretch: Stretch
    embeddings: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEPS, 0.0))
    failures: list[str] = field(default_factory=list)
    frame: Frame = field(init=False)
    area_m2: Callable[[shapely.Geometry], float | None] = field(init=False)

    def __post_init__(self) -> None:
        self.frame = self.source.frame
        self.area_m2 = area_meter(self.source.crs)

    def window(self, read: ReadWindow, prompts: Sequence[GeoPrompt]) -> dict[int, Row]:
        """The rows of one window's prompts, `failed` where it cannot be worked on."""
        try:
            return self._segment(read, prompts)
        # what a damaged file, a full memory or a network that gives up can raise
        except (SuiteError, OSError, RuntimeError, MemoryError) as error:
            self.failures.append(str(error) or type(error).__name__)
            return dict.fromkeys(read.prompts, Row("failed"))

    def _segment(self, read: ReadWindow, prompts: Sequence[GeoPrompt]) -> dict[int, Row]:
        with self._timed("read"):
            pixels = self.source.read(read.window, out_hw=read.size_hw)
        rows = dict.fromkeys(read.prompts, Row("nodata"))
        seen = [n for n in read.prompts if _is_on_data(prompts[n], read, pixels)]
        if not seen:
            return rows
        with self._timed("embed"):
            embedding = self.segmenter.embed(self.stretch.apply(pixels))
        self.embeddings += 1
        for members in _alike(seen, prompts):
            batch = _batch([prompts[n] for n in members], read)
            for n, (score, region) in zip(members, self._decode(embedding, batch), strict=True):
                with self._timed("polygonize"):
                    rows[n] = self._row(prompts[n].status, score, region, read)
        return rows

    def _decode(
        self, embedding: Embedding, batch: Prompts
    ) -> Iterator[tuple[float, MaskRegion | None]]:
        """Score and mask of each prompt: for points alone, the likeliest of the candidates."""
        points_only = batch.boxes_xyxy is None and self.segmenter.capabilities.multimask
        parts = self.segmenter.decode_batches(embedding, batch, multimask=points_only)
        while True:
            with self._timed("decode"):
                part = next(parts, None)
            if part is None:
                return
            yield from (_likeliest(part, n) for n in range(len(part)))

    def _row(
        self, status: PromptStatus, score: float, region: MaskRegion | None, read: ReadWindow
    ) -> Row:
        if region is None:
            return Row("empty")
        geometry = polygonize(region, read, self.frame)
        scale_x, scale_y = read.scale_xy
        return Row(
            status=status,
            score=score,
            area_m2=self.area_m2(geometry),
            area_px=region.area_px * scale_x * scale_y,
            geometry=geometry,
        )

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] += time.perf_counter() - start


def _check_kinds(segmenter: Segmenter, prompts: Sequence[GeoPrompt]) -> None:
    """Raise before any work where the segmenter does not take one of the prompts."""
    if any(prompt.points_xy for prompt in prompts):
        check_prompts(segmenter.name, segmenter.capabilities, Prompts.from_points([[0.0, 0.0]]))
    if any(prompt.box_xyxy for prompt in prompts):
        check_prompts(segmenter.name, segmenter.capabilities, Prompts.from_boxes([0, 0, 1, 1]))


def _is_on_data(prompt: GeoPrompt, read: ReadWindow, pixels: Pixels) -> bool:
    """Whether a valid pixel lies in the box, or under an object point where there is no box."""
    if prompt.box_xyxy is None:
        spots = [
            xy + xy
            for xy, label in zip(prompt.points_xy, prompt.point_labels, strict=True)
            if label == POSITIVE
        ]
    else:
        spots = [prompt.box_xyxy]
    return any(_holds_data(read.box_into_image(spot), pixels.valid) for spot in spots)


def _holds_data(box: tuple[float, float, float, float], valid: npt.NDArray[np.bool_]) -> bool:
    # to pixel corners, without the rounding noise that would touch one pixel more
    x0, y0, x1, y1 = (round(edge + 0.5, 6) for edge in box)
    top, left = math.floor(y0), math.floor(x0)
    bottom, right = max(math.ceil(y1), top + 1), max(math.ceil(x1), left + 1)
    return bool(valid[top:bottom, left:right].any())


def _likeliest(masks: Masks, n: int) -> tuple[float, MaskRegion | None]:
    """The candidate with the best score that is an object, not the scene around it.

    A single point on aerial imagery often gets its highest score for a mask of nearly the whole
    window. What reaches from one side of the window to the other is no object that the window was
    made for; it is taken only where no other candidate is left.
    """
    ranked = masks.scores[n].argsort(descending=True).tolist()
    found = [(float(masks.scores[n, c]), masks.region(n, c)) for c in ranked]
    filled = [pair for pair in found if pair[1] is not None]
    objects = [pair for pair in filled if not _spans(pair[1], masks.image_size_hw)]
    return (objects or filled or found)[0]


def _spans(region: MaskRegion | None, size_hw: tuple[int, int]) -> bool:
    return region is not None and any(
        start == 0 and stop == side
        for start, stop, side in zip(region.window.start, region.window.stop, size_hw, strict=True)
    )


def _alike(members: Sequence[int], prompts: Sequence[GeoPrompt]) -> list[list[int]]:
    """Prompts of one window by number of points and presence of a box: no padding points."""
    groups: dict[tuple[int, bool], list[int]] = {}
    for n in members:
        key = (len(prompts[n].points_xy), prompts[n].box_xyxy is not None)
        groups.setdefault(key, []).append(n)
    return [groups[key] for key in sorted(groups)]


def _batch(prompts: Sequence[GeoPrompt], read: ReadWindow) -> Prompts:
    """Prompts of one kind in the indices of the image that is read."""
    boxes = [read.box_into_image(p.box_xyxy) for p in prompts if p.box_xyxy is not None]
    has_points = bool(prompts[0].points_xy)
    return Prompts(
        boxes_xyxy=np.array(boxes) if boxes else None,
        points_xy=np.array([[read.point_into_image(xy) for xy in p.points_xy] for p in prompts])
        if has_points
        else None,
        point_labels=np.array([p.point_labels for p in prompts]) if has_points else None,
    )


def _table(
    rows: Sequence[Row], prompts: Sequence[GeoPrompt], source: RasterSource
) -> geopandas.GeoDataFrame:
    columns = {
        "prompt_id": [prompt.prompt_id for prompt in prompts],
        "status": [row.status for row in rows],
        "score": np.array([row.score for row in rows], dtype=np.float64),
        "area_m2": np.array([row.area_m2 for row in rows], dtype=np.float64),
        "area_px": np.array([row.area_px for row in rows], dtype=np.float64),
        "class": [prompt.class_name for prompt in prompts],
    }
    return geopandas.GeoDataFrame(columns, geometry=[row.geometry for row in rows], crs=source.crs)


@contextmanager
def _silent(_description: str, _total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _done: None
