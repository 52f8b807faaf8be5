"""Objects larger than a window: coarse first, then their outline at full resolution."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from seeing_segmenters import SeeingSegmenter

from sam_common.masks.decoded import MaskRegion, Masks
from sam_common.network.architecture import GRID
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_geo.prompted.refine import CoarseMask, Refinement
from sam_geo.prompted.segment import run_prompts
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.prompts.mask_prompt import LOGIT, mask_logits
from sam_geo.raster.read_window import ReadWindow
from sam_geo.raster.source import open_raster

SIDE = 64
DISC, CENTRE, RADIUS = (700, 800), (340.0, 410.0), 300.0


@dataclass(slots=True)
class Bright(SeeingSegmenter):
    """Finds the bright pixels inside a box: an oracle of what there is to see in an image."""

    model_size: int = SIDE

    def seen(self, image, prompts):
        (x0, y0, x1, y1) = prompts.boxes_xyxy[0]
        bright = image > 127
        rows, cols = np.indices(bright.shape)
        bright &= (rows >= y0) & (rows <= y1) & (cols >= x0) & (cols <= x1)
        return MaskRegion(Window.full(bright.shape), bright) if bright.any() else None


def disc() -> np.ndarray:
    rows, cols = np.indices(DISC)
    return (rows - CENTRE[0]) ** 2 + (cols - CENTRE[1]) ** 2 <= RADIUS**2


@pytest.fixture
def disc_raster(tmp_path):
    path = tmp_path / "disc.tif"
    transform = Affine(1, 0, 500_000, 0, -1, 5_800_000)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=DISC[0],
        width=DISC[1],
        count=1,
        dtype="uint8",
        crs="EPSG:32633",
        transform=transform,
    ) as dataset:
        dataset.write(disc().astype(np.uint8) * 255, 1)
    return path


def test_a_large_object_gets_its_outline_to_the_pixel(disc_raster):
    prompts = geopandas.GeoDataFrame(
        geometry=[shapely.box(500_100, 5_800_000 - 650, 500_720, 5_800_000 - 30)],
        crs="EPSG:32633",
    )
    with open_raster(disc_raster) as source:
        job = run_prompts(source, load_prompts(prompts, source), Bright())
    (row,) = job.table.itertuples()
    assert row.status == "ok"
    # single pixels at the tips of the disc lie outside what the coarse box allows
    assert abs(row.area_px - disc().sum()) < 8
    assert row.seam_merged
    truth = [
        shapely.Polygon(shape["coordinates"][0])
        for shape, value in rasterio.features.shapes(
            disc().astype(np.uint8), transform=rasterio.open(disc_raster).transform
        )
        if value == 1
    ]
    assert row.geometry.symmetric_difference(shapely.union_all(truth)).area < 8
    # the outline only: inner cells are not looked at again
    cells = -(-DISC[0] // (SIDE // 2)) * -(-DISC[1] // (SIDE // 2))
    assert 1 < job.embeddings < cells / 2


def test_where_the_network_finds_something_else_the_coarse_mask_stays(disc_raster):
    class Nothing(Bright):
        def seen(self, image, prompts):
            if prompts.mask_logits is None:
                return Bright.seen(self, image, prompts)
            return MaskRegion(Window((0, 0), (1, 1)), np.ones((1, 1), dtype=np.bool_))

    prompts = geopandas.GeoDataFrame(
        geometry=[shapely.box(500_100, 5_800_000 - 650, 500_720, 5_800_000 - 30)],
        crs="EPSG:32633",
    )
    with open_raster(disc_raster) as source:
        job = run_prompts(source, load_prompts(prompts, source), Nothing())
    (read,) = job.windows
    scale = max(read.scale_xy)
    assert scale > 1
    area = job.table["area_px"].iloc[0]
    # off by less than a coarse pixel along the outline
    assert abs(area - disc().sum()) < 2 * np.pi * RADIUS * scale


def test_pieces_are_disjoint_and_cover_the_coarse_mask():
    rng = np.random.default_rng(3)
    mask = rng.random((20, 30)) > 0.3
    region = MaskRegion(Window((4, 6), (24, 36)), mask)
    read = ReadWindow(Window((10, 20), (10 + 150, 20 + 200)), (30, 40), (0,))
    coarse = CoarseMask(region, read)
    expected = np.zeros((200, 300), dtype=bool)
    expected[10 + 20 : 10 + 120, 20 + 30 : 20 + 180] = np.kron(mask, np.ones((5, 5)))
    assert np.array_equal(coarse.native(Window.full((200, 300))), expected)
    assert coarse.native(Window((-5, -5), (10, 10))).shape == (15, 15)
    fallback = Refinement(FakeSegmenter(model_size=32), (200, 300), lambda _window: None)
    drawn = np.zeros((200, 300), dtype=int)
    for piece in fallback.pieces(region, read):
        drawn[piece.window.slices] += piece.mask
    assert np.array_equal(drawn, expected)


@pytest.mark.parametrize(("size", "inner"), [((100, 60), (1024, 614)), ((40, 90), (455, 1024))])
def test_a_mask_prompt_means_its_mask(size, inner):
    """Upsampled as the decoder's own logits, the prompt gives the mask back."""
    mask = np.zeros(size, dtype=np.bool_)
    mask[10:30, 20:50] = True
    logits = mask_logits(mask, inner, 1024)
    assert logits.shape == (GRID, GRID)
    assert logits.max() == LOGIT
    masks = Masks(logits[None, None], np.ones((1, 1), np.float32), size, inner, 1024)
    found = masks.full(0)
    assert (found & mask).sum() / (found | mask).sum() > 0.95
