from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window as RasterioWindow

from sam_common.errors import InputError
from sam_geo.jobs.raster_info import describe_raster
from sam_geo.raster import sample
from sam_geo.raster.sample import sample_bands
from sam_geo.raster.source import RasterSource, open_raster
from sam_geo.raster.stretch import choose_stretch

SIDE = 10_000
RAMP = np.linspace(500, 3000, 160 * 160).reshape(160, 160).astype(np.uint16)


def sparse(path, islands, count=1, side=SIDE, **options):
    """A raster without overviews that is nodata but for (row, col, band) of islands."""
    options = {"tiled": True, "blockxsize": 256, "blockysize": 256} | options
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side,
        height=side,
        count=count,
        dtype="uint16",
        nodata=0,
        crs="EPSG:32633",
        transform=rasterio.Affine(1, 0, 9, 0, -1, 9),
        sparse_ok=True,
        **options,
    ) as dataset:
        for row, col, band in islands:
            dataset.write(RAMP, band, window=RasterioWindow(col, row, 160, 160))
    return path


@pytest.mark.parametrize("place", [(3300, 4100), (9800, 9800), (40, 5120)])
@pytest.mark.parametrize(
    "options", [{}, {"tiled": False, "blockxsize": SIDE, "blockysize": 1, "compress": "lzw"}]
)
def test_an_island_in_emptiness_gives_the_stretch(tmp_path, place, options):
    path = sparse(tmp_path / "s.tif", [(*place, 1)], **options)
    with open_raster(path) as source:
        (low, high) = choose_stretch(source).limits[0]
        assert source.sample[0].size > 400
    expected = np.percentile(RAMP, (2, 98))
    assert np.abs(np.array([low, high]) - expected).max() < 60


def test_an_island_is_found_where_a_coarse_read_misses_it(tmp_path):
    path = sparse(tmp_path / "s.tif", [], side=4096)
    with rasterio.open(path, "r+") as dataset:
        dataset.write(RAMP[:5, :5] * 0 + 900, 1, window=RasterioWindow(1001, 1001, 5, 5))
    with open_raster(path) as source:
        assert choose_stretch(source).limits == ((900.0, 900.0),)


def test_every_band_has_its_own_values(tmp_path):
    path = sparse(tmp_path / "s.tif", [(300, 300, 1), (300, 300, 2), (7000, 6000, 3)], count=3)
    with open_raster(path) as source:
        assert all(values.size > 400 for values in source.sample)
        assert all(high > low > 0 for low, high in choose_stretch(source).limits)


def test_a_sample_with_enough_values_reads_no_more(tmp_path, monkeypatch):
    path = sparse(tmp_path / "s.tif", [(0, 0, 1), (1388, 1388, 1)])
    windows = []
    read = RasterSource.read

    def spy(self, window, **options):
        windows.append(window)
        return read(self, window, **options)

    monkeypatch.setattr(RasterSource, "read", spy)
    with open_raster(path) as source:
        sample_bands(source)
    assert len(windows) == 64


def test_a_raster_without_a_valid_pixel_is_black(tmp_path):
    with open_raster(sparse(tmp_path / "s.tif", [], side=9000)) as source:
        assert choose_stretch(source).limits == ((0.0, 0.0),)


def test_a_server_is_not_asked_for_everything(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "is_remote", lambda _name: True)
    with open_raster(sparse(tmp_path / "s.tif", [(5000, 5000, 1)])) as source:
        monkeypatch.setattr(sample, "MOST_REMOTE_WINDOWS", 2)
        with pytest.raises(InputError, match=r"no valid pixel in 2 windows .* --stretch min,max"):
            choose_stretch(source)
        facts = describe_raster(source)
    assert facts["stretch"] is None
    assert any(note.startswith("refused: no valid pixel in 2 windows") for note in facts["notes"])


def test_nodata_differs_from_band_to_band(make_raster, tmp_path):
    values = np.stack([np.full((60, 60), value, np.int16) for value in (100, 200, 300)])
    values[0, :30], values[1, :30], values[2, :30] = -1, -2, -3
    values[:, 0, 0] = 50
    make_raster(values)
    bands = "".join(
        f'<VRTRasterBand dataType="Int16" band="{n}"><NoDataValue>{-n}</NoDataValue><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">image.tif</SourceFilename><SourceBand>{n}</SourceBand>'
        f"</SimpleSource></VRTRasterBand>"
        for n in (1, 2, 3)
    )
    path = tmp_path / "m.vrt"
    path.write_text(f'<VRTDataset rasterXSize="60" rasterYSize="60">{bands}</VRTDataset>')
    with open_raster(path) as source:
        assert source.nodatas == (-1, -2, -3)
        assert [values.min() for values in source.sample] == [50, 50, 50]
