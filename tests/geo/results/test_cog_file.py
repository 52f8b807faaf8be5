"""COGs that are drawn beside their place and read back before they appear there."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window as RasterioWindow

from sam_common.errors import DiskError, OutputError
from sam_geo.raster.source import open_raster
from sam_geo.results.cog_file import check_cog_output, cog_writer, sidecars, writing_cog


@pytest.fixture
def source(make_raster):
    with open_raster(make_raster(np.zeros((1, 600, 700), dtype=np.uint8))) as opened:
        yield opened


def accept(part):
    assert part.is_file()


def draw(path, source, *, verify=accept, order=((0, 0), (300, 0)), overwrite=False):
    values = np.random.default_rng(3).integers(0, 9, (2, 600, 700), dtype=np.uint8)
    with cog_writer(
        path, source, bands=2, dtype="uint8", overwrite=overwrite, verify=verify
    ) as dataset:
        for row, col in order:
            dataset.write(values[:, row : row + 300], window=RasterioWindow(col, row, 700, 300))
    return values


def test_all_bands_are_kept_on_the_grid_of_the_source(source, tmp_path):
    path = tmp_path / "out.tif"
    values = draw(path, source)
    with rasterio.open(path) as found:
        np.testing.assert_array_equal(found.read(), values)
        assert (found.crs, found.transform) == (source.header.crs, source.header.transform)
        assert found.nodatavals == (0, 0)
        assert found.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_bytes_do_not_depend_on_the_order(source, tmp_path):
    one, two = tmp_path / "one.tif", tmp_path / "two.tif"
    draw(one, source)
    draw(two, source, order=((300, 0), (0, 0), (300, 0)))
    assert one.read_bytes() == two.read_bytes()


def test_side_files_of_the_check_move_with_it(source, tmp_path):
    path = tmp_path / "out.tif"

    def verify(part):
        part.with_name(f"{part.name}.aux.xml").write_text("<PAMDataset/>")

    draw(path, source, verify=verify)
    assert sidecars(path) == [tmp_path / "out.tif.aux.xml"]
    assert (tmp_path / "out.tif.aux.xml").read_text() == "<PAMDataset/>"


def test_a_refused_file_leaves_the_old_one(source, tmp_path):
    path = tmp_path / "out.tif"
    path.write_bytes(b"old")

    def refuse(part):
        raise OutputError("not what was drawn")

    with pytest.raises(OutputError, match="not what was drawn"):
        draw(path, source, verify=refuse, overwrite=True)
    assert path.read_bytes() == b"old"
    assert {each.name for each in tmp_path.iterdir()} == {"image.tif", "out.tif"}


def test_a_full_disk_is_named(source, tmp_path):
    path = tmp_path / "out.tif"

    def fill(part):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DiskError, match=f"cannot write {path}: No space left on device"):
        draw(path, source, verify=fill)
    assert {each.name for each in tmp_path.iterdir()} == {"image.tif"}


def test_an_error_of_the_caller_is_left_as_it_is(source, tmp_path):
    with (
        pytest.raises(ZeroDivisionError),
        cog_writer(
            tmp_path / "out.tif", source, bands=1, dtype="uint8", overwrite=False, verify=accept
        ),
    ):
        raise ZeroDivisionError
    assert {each.name for each in tmp_path.iterdir()} == {"image.tif"}


def test_a_link_stays_one(source, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link = tmp_path / "out.tif"
    link.symlink_to(folder / "real.tif")
    draw(link, source, overwrite=True)
    assert link.is_symlink()
    with rasterio.open(folder / "real.tif") as found:
        assert found.count == 2


def test_errors_of_gdal_name_the_output(tmp_path):
    path = tmp_path / "out.tif"
    with (
        pytest.raises(OutputError, match=f"^cannot write {path}: "),
        writing_cog(path),
    ):
        rasterio.open(tmp_path / "absent.tif")


def test_files_that_gdal_would_read_with_it_are_not_replaced_unasked(tmp_path):
    (tmp_path / "out.tif.ovr").touch()
    with pytest.raises(OutputError, match=r"output exists: .*out.tif.ovr"):
        check_cog_output(tmp_path / "out.tif", overwrite=False)
    check_cog_output(tmp_path / "out.tif", overwrite=True)
    with pytest.raises(OutputError, match="is an address on a server"):
        check_cog_output("https://example.org/out.tif", overwrite=True)
