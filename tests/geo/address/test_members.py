from __future__ import annotations

import tarfile
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

from sam_common.errors import InputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_geo.jobs.raster_info import describe_raster
from sam_geo.jobs.request import PromptRequest
from sam_geo.jobs.run import run_request
from sam_geo.raster.source import open_raster

CORNER = Window((0, 0), (2, 2))


@pytest.fixture
def pages(tmp_path):
    """A TIFF of three pages that are full of 10, 20 and 30."""
    images = [Image.fromarray(np.full((40, 50), 10 * n, np.uint8)) for n in (1, 2, 3)]
    path = tmp_path / "pages.tif"
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


@pytest.mark.parametrize(("page", "value"), [(None, 10), (1, 10), (2, 20), (3, 30)])
def test_a_page_by_its_number(pages, page, value):
    with open_raster(pages, page=page) as source:
        assert (source.read(CORNER).values == value).all()
        notes = describe_raster(source)["notes"]
    assert any(note.startswith("3 pages, of which this is the first") for note in notes) == (
        page is None
    )


def test_pages_are_told_apart(pages):
    known = []
    for page in (None, 2, 3):
        with open_raster(pages, page=page) as source:
            known.append({k: v for k, v in source.identity.items() if k != "path"})
    assert known[0] != known[1] != known[2]
    assert known[0]["sha256"] == known[1]["sha256"]


def test_a_page_that_is_not_there(pages, grey_raster):
    with (
        pytest.raises(InputError, match=r"^no page 4 in .*pages\.tif: it has 3 pages$"),
        open_raster(pages, page=4),
    ):
        pass
    with (
        pytest.raises(InputError, match=r"it has one page$"),
        open_raster(grey_raster, page=2),
    ):
        pass
    with open_raster(grey_raster, page=1) as source:
        assert source.size_hw == (80, 100)


def test_a_job_says_that_there_are_more_pages(pages, tmp_path):
    (tmp_path / "p.csv").write_text("xmin,ymin,xmax,ymax\n3,3,20,20\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        for page, count in ((None, 1), (2, 0)):
            request = PromptRequest(
                image=str(pages),
                prompts=tmp_path / "p.csv",
                output=tmp_path / "o.gpkg",
                page=page,
                overwrite=True,
            )
            _, record = run_request(request, FakeSegmenter)
            assert sum("--page N" in note for note in record["notes"]) == count
            assert record["parameters"]["page"] == page


def packed(tmp_path, *names):
    with zipfile.ZipFile(tmp_path / "ras.zip", "w") as archive:
        for name in names:
            archive.write(tmp_path / "image.tif", name)
        archive.writestr("readme.txt", "x")
        archive.writestr("__MACOSX/in/._image.tif", "x")
    return tmp_path / "ras.zip"


def test_the_one_raster_of_a_zip_file(grey_raster, tmp_path):
    with open_raster(packed(tmp_path, "in/image.tif")) as source:
        assert source.read(CORNER).values.tolist() == [[[0, 1], [100, 101]]]
        assert source.crs.to_epsg() == 32633
        assert source.path.endswith("ras.zip")
        assert source.identity["bytes"] == (tmp_path / "ras.zip").stat().st_size


def test_rasters_of_a_zip_file_are_named(grey_raster, tmp_path):
    path = packed(tmp_path, "a.tif", "b.tif")
    with pytest.raises(InputError, match="2 rasters, name one of them: /vsizip/") as told:
        open_raster(path).__enter__()
    name = str(told.value).partition("them: ")[2].split(", ")[1]
    with open_raster(name) as source:
        assert source.size_hw == (80, 100)


def test_archives_without_a_raster(grey_raster, tmp_path):
    with (
        pytest.raises(InputError, match="holds no rasters"),
        open_raster(packed(tmp_path)),
    ):
        pass
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04")
    with (
        pytest.raises(InputError, match="cannot read the archive"),
        open_raster(tmp_path / "broken.zip"),
    ):
        pass
    with tarfile.open(tmp_path / "ras.tar.gz", "w:gz") as archive:
        archive.add(grey_raster, "image.tif")
    with (
        pytest.raises(InputError, match=r"/vsitar/.*ras\.tar\.gz/NAME\.tif"),
        open_raster(tmp_path / "ras.tar.gz"),
    ):
        pass
