"""A live session and a job give the same outline for the same prompt, to the pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_objects import painted

from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.files.held import Held
from sam_common.server.sessions.embedding_pool import EmbeddingPool
from sam_common.server.sessions.live_source import Context
from sam_common.server.sessions.object_state import Asked, BoxState, ObjectState, PointState
from sam_geo.live.prompts import outline_of
from sam_geo.live.raster import open_source
from sam_geo.prompted.segment import RunOptions, run_prompts
from sam_geo.prompts.geo_prompt import GeoPrompt, clip_prompt
from sam_geo.raster.source import open_raster

SIZE = (400, 620)
SIDE = 64
TRANSFORM = Affine(0.5, 0, 500_000, 0, -0.5, 5_800_000)


@dataclass(slots=True)
class ByPlace(FakeSegmenter):
    """Answers otherwise in every window: what it says goes by the brightest pixel there."""

    def decode(self, embedding, prompts, *, multimask=False):
        bright = int(embedding.features.max())
        if prompts.boxes_xyxy is not None:
            less = np.array([1, 1, -1, -1]) * (bright % 3)
            boxes = prompts.boxes_xyxy + less
            if (boxes[:, :2] < boxes[:, 2:]).all():
                prompts = replace(prompts, boxes_xyxy=boxes)
        fake = FakeSegmenter(radius_px=2.0 + bright % 7, model_size=self.model_size)
        return fake.decode(embedding, prompts, multimask=multimask)


@pytest.fixture(scope="module")
def raster(tmp_path_factory):
    """A raster whose windows all have another brightest pixel, with a hole of nodata."""
    folder = tmp_path_factory.mktemp("live")
    path = folder / "ramp.tif"
    rows, cols = np.indices(SIZE)
    image = (1 + (rows * 7 + cols * 13) // 100 % 250).astype(np.uint8)
    image[300:, 500:] = 0
    with rasterio.open(
        path, "w", driver="GTiff", height=SIZE[0], width=SIZE[1], count=1, dtype="uint8",
        crs="EPSG:32633", transform=TRANSFORM, nodata=0,
    ) as dataset:  # fmt: skip
        dataset.write(image, 1)
    (folder / "own").mkdir()
    held = Held(folder / "own", lambda _: True)
    context = Context(ByPlace(model_size=SIDE), EmbeddingPool(), held)
    yield open_source({"kind": "raster"}, path, context)
    context.close()


@st.composite
def objects(draw):
    """Points of both kinds, a box of any size, a painted mask, inside the raster or beyond it."""
    xs, ys = st.floats(-40, SIZE[1] + 40), st.floats(-40, SIZE[0] + 40)
    points = draw(
        st.lists(st.builds(PointState, st.tuples(xs, ys), st.sampled_from([0, 1])), max_size=3)
    )
    boxes = ()
    if draw(st.booleans()):
        x0, y0 = draw(xs), draw(ys)
        width, height = draw(st.tuples(*[st.floats(1, 300)] * 2))
        boxes = (BoxState((x0, y0, x0 + width, y0 + height)),)
    masks = ()
    if boxes and draw(st.booleans()):
        top, left = draw(st.integers(0, SIZE[0] - 30)), draw(st.integers(0, SIZE[1] - 30))
        shape = draw(st.tuples(*[st.integers(1, 30)] * 2))
        masks = (painted(np.ones(shape, np.bool_), (top, left)),)
    return Asked(points=tuple(points), boxes=boxes, masks=masks)


def as_prompt(asked, number):
    box = asked.boxes[0].box if asked.boxes else None
    prompt = GeoPrompt(
        number,
        None,
        box,
        tuple(p.point for p in asked.points),
        tuple(p.label for p in asked.points),
        outline_of(asked.masks[0]) if asked.masks else None,
    )
    return clip_prompt(prompt, SIZE)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(objects(), min_size=1, max_size=6))
def test_a_live_object_is_the_row_of_a_job(raster, several):
    several = [asked for asked in several if asked.boxes or any(p.label for p in asked.points)]
    prompts = [as_prompt(asked, n) for n, asked in enumerate(several)]
    with open_raster(raster.path) as source:
        job = run_prompts(
            source, prompts, raster.context.segmenter, options=RunOptions(raster.stretch)
        )
    for n, asked in enumerate(several):
        result = raster.segment(asked, lambda _: None)
        row = job.table.iloc[n]
        live = raster._tables.row(ObjectState(str(n), "a"), result)
        assert live.status == row["status"]
        assert (live.geometry is None) == (row.geometry is None)
        if row.geometry is not None:
            assert live.geometry.symmetric_difference(row.geometry).area == 0
            assert result.area == row["area_px"]
            assert live.touches_edge == row["touches_edge"]
            assert live.seam_merged == row["seam_merged"]
