"""Tiles against the reader's own pixels, outlines against the raster's own grid."""

from __future__ import annotations

import io

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image
from rasterio.enums import Resampling

from sam_common.errors import NotFoundError
from sam_common.frame import Frame
from sam_common.masks.decoded import MaskRegion
from sam_common.window import Window
from sam_geo.class_maps.legend import legend_of
from sam_geo.class_maps.write_map import class_map_writer
from sam_geo.live import drawing
from sam_geo.live.drawing import Tiles, class_tile, preview_of, table_outlines
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch


def tiles_of(path):
    with open_raster(path) as source:
        overviews = tuple(source.header.overviews[source.bands[0] - 1])
        return Tiles(path, source.bands, choose_stretch(source), source.size_hw, overviews)


def shown(tiles, *place):
    image = Image.open(io.BytesIO(tiles.png(*place)))
    assert image.format == "PNG"
    return np.asarray(image)


@pytest.fixture
def colours():
    return np.random.default_rng(0).integers(0, 256, (3, 600, 700)).astype(np.uint8)


def test_the_finest_tiles_are_the_pixels_of_the_file(make_raster, colours):
    tiles = tiles_of(make_raster(colours))
    whole = np.zeros((768, 768, 4), np.uint8)
    for row in range(3):
        for column in range(3):
            place = np.s_[row * 256 : row * 256 + 256, column * 256 : column * 256 + 256]
            whole[place] = shown(tiles, 0, row, column)
    assert np.array_equal(whole[:600, :700, :3], colours.transpose(1, 2, 0))
    assert (whole[:600, :700, 3] == 255).all()
    assert not whole[600:].any()
    assert not whole[:, 700:].any()


def test_a_coarse_tile_is_what_the_reader_gives(make_raster, colours):
    path = make_raster(colours)
    tiles = tiles_of(path)
    assert (tiles.levels, tiles.served) == (3, 3)
    with open_raster(path) as source:
        read = source.read(Window((0, 0), (600, 700)), out_hw=(150, 175))
    tile = shown(tiles, 2, 0, 0)
    assert np.array_equal(tile[:150, :175, :3], read.values.transpose(1, 2, 0))
    assert not tile[150:].any()


def test_a_coarse_tile_comes_from_an_overview(make_raster, colours):
    path = make_raster(colours)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.nearest)
    tile = shown(tiles_of(path), 2, 0, 0)
    # of nearest overviews a pixel is one of the file, which an average of 16 is not
    values = {tuple(v) for v in colours.reshape(3, -1).T.tolist()}
    assert all(tuple(v) in values for v in tile[:150, :175, :3].reshape(-1, 3).tolist()[:200])


def test_values_are_shown_by_the_stretch_of_the_session(make_raster):
    values = np.linspace(0, 4000, 100 * 120).reshape(1, 100, 120).astype(np.uint16)
    path = make_raster(values)
    tiles = tiles_of(path)
    with open_raster(path) as source:
        expected = tiles.stretch.apply(source.read(Window((0, 0), (100, 120))))
    tile = shown(tiles, 0, 0, 0)[:100, :120]
    for band in range(3):
        assert np.array_equal(tile[..., band], expected)


def test_nodata_is_transparent_and_a_mask_too(make_raster):
    values = np.full((1, 100, 120), 90, np.uint8)
    values[:, 60:] = 0
    tile = shown(tiles_of(make_raster(values, nodata=0)), 0, 0, 0)
    assert (tile[:60, :120, 3] == 255).all()
    assert (tile[60:, :, 3] == 0).all()
    mask = np.full((100, 120), 255, np.uint8)
    mask[3, 4] = 0
    tile = shown(tiles_of(make_raster(values, name="m.tif", mask=mask)), 0, 0, 0)
    assert tile[3, 4, 3] == 0
    assert (tile[:100, :120, 3] == 0).sum() == 1


def test_a_nodata_value_that_is_a_colour_punches_no_holes(make_raster):
    values = np.full((3, 100, 120), 90, np.uint8)
    values[:, 20, 30] = values[:, :, 100:] = 255
    tile = shown(tiles_of(make_raster(values, nodata=255)), 0, 0, 0)
    assert tile[20, 30].tolist() == [255, 255, 255, 255]
    assert (tile[:, 100:, 3] == 0).all()
    assert (tile[:100, :100, 3] == 255).all()


@pytest.mark.parametrize("place", [(0, 3, 0), (0, 0, 3), (1, 2, 0), (3, 0, 0), (60, 0, 0)])
def test_a_tile_beyond_the_raster_is_told(make_raster, colours, place):
    with pytest.raises(NotFoundError, match="no tile {}/{}/{}: 3 levels".format(*place)):
        tiles_of(make_raster(colours)).png(*place)


@pytest.mark.parametrize(
    ("size", "overviews", "served"),
    [
        ((100_000, 100_000), (2, 4, 8, 16, 32, 64, 128, 256), 10),
        # the coarsest overview serves the levels above it
        ((100_000, 100_000), (2, 4, 8, 16), 10),
        ((100_000, 100_000), (2,), 7),
        ((100_000, 100_000), (), 6),
        ((8_000, 8_000), (), 6),
        ((1, 1), (), 1),
        ((256, 256), (), 1),
        ((257, 1), (), 2),
    ],
)
def test_what_would_read_too_much_is_not_served(size, overviews, served):
    tiles = Tiles(None, (1,), None, size, overviews)
    assert tiles.served == served
    assert tiles.describe()["has_overviews"] is bool(overviews)
    assert max(size) <= 256 << (tiles.levels - 1)


def test_a_preview_is_the_outline_of_its_mask():
    found = preview_of(MaskRegion(Window((10, 20), (12, 23)), np.ones((2, 3), bool)), 0.87654)
    assert (found["status"], found["score"]) == ("ok", 0.8765)
    assert shapely.geometry.shape(found["outline"]).equals(shapely.box(20, 10, 23, 12))
    assert preview_of(None, 0.5) == {"status": "empty", "outline": None, "score": 0.5}


def test_outlines_of_a_table_lie_in_pixels_of_a_turned_raster(tmp_path, monkeypatch):
    a, b, c, d, e, f = 1.7, 1.5, 500.0, 1.0, -2.6, 900.0
    path = tmp_path / "turned.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, height=50, width=60,
        crs="EPSG:32633", transform=rasterio.Affine(a, b, c, d, e, f),
    ) as out:  # fmt: skip
        out.write(np.ones((1, 50, 60), np.uint8))
    boxes = [shapely.box(3, 4, 10, 20), shapely.box(30, 10, 40, 11)]
    placed = shapely.transform(boxes, lambda xy: xy @ np.array([[a, d], [b, e]]) + (c, f))
    table = geopandas.GeoDataFrame(
        {"score": [0.5, np.nan, 0.1], "area_px": [112.0, 10.0, 3.0], "area_m2": [660.8, None, 1.0]},
        geometry=[*placed, None],
        crs="EPSG:32633",
    )
    table.to_file(tmp_path / "o.gpkg")
    with open_raster(path) as source:
        found = table_outlines(tmp_path / "o.gpkg", source.frame)
        monkeypatch.setattr(drawing, "MOST_OUTLINES", 1)
        fewer = table_outlines(tmp_path / "o.gpkg", source.frame)
    assert found["total"] == fewer["total"] == 2
    assert [f["properties"] for f in found["features"]] == [
        {"score": 0.5, "area_px": 112.0, "area_m2": 660.8},
        {"score": None, "area_px": 10.0, "area_m2": None},
    ]
    for feature, box in zip(found["features"], boxes, strict=True):
        outline = shapely.geometry.shape(feature["geometry"])
        assert outline.symmetric_difference(box).area < 1e-6
    assert len(fewer["features"]) == 1


def test_a_class_map_is_drawn_in_its_colours(tmp_path, make_raster):
    path = tmp_path / "map.tif"
    legend = legend_of(["water", "field"])
    classes = np.zeros((300, 280), dtype=np.uint8)
    classes[:, :270] = 1
    classes[100:200, 20:40] = 2
    with (
        open_raster(make_raster(np.ones((1, 300, 280), np.uint8))) as source,
        class_map_writer(path, source, legend) as write,
    ):
        write(Window((0, 0), (300, 280)), classes, np.where(classes, 80, 0).astype(np.uint8))
    opaque = {value: [*colour, 255] for value, colour in legend.colours.items()}
    tile = np.asarray(Image.open(io.BytesIO(class_tile(path, 0, 0, 0))))
    assert tile[0, 0].tolist() == opaque[1]
    assert tile[100, 20].tolist() == opaque[2]
    assert tile[200, 20].tolist() == opaque[1]
    beside = np.asarray(Image.open(io.BytesIO(class_tile(path, 0, 1, 1))))
    # the second tile begins at column 256: 14 columns have a class, and 44 rows are there
    assert (beside[:44, :14] == opaque[1]).all()
    assert not beside[:44, 14:, 3].any()
    assert not beside[44:, :, 3].any()
    coarse = np.asarray(Image.open(io.BytesIO(class_tile(path, 1, 0, 0))))
    assert coarse[75, 15].tolist() == opaque[2]
    assert coarse[10, 10].tolist() == opaque[1]
    for place in ((0, 2, 0), (0, 0, 2), (40, 0, 0)):
        with pytest.raises(NotFoundError) as refused:
            class_tile(path, *place)
        assert str(refused.value) == "no tile {}/{}/{} of the map".format(*place)


def test_outlines_of_candidates_come_the_most_probable_first(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "MOST_OUTLINES", 2)
    boxes = [shapely.box(n, 0, n + 1, 1) for n in range(3)]
    table = geopandas.GeoDataFrame(
        {
            "probability": [0.2, 0.9, 0.5],
            "said": [None, "example", None],
            "covered_by": [1, None, 3],
        },
        geometry=boxes,
        crs="EPSG:32633",
    )
    table.to_file(tmp_path / "objects.gpkg")
    found = table_outlines(tmp_path / "objects.gpkg", Frame.from_array(np.eye(3)[[1, 0, 2]]))
    assert found["total"] == 3
    assert [each["properties"] for each in found["features"]] == [
        {"probability": 0.9, "said": "example", "covered_by": None},
        {"probability": 0.5, "said": None, "covered_by": 3},
    ]
