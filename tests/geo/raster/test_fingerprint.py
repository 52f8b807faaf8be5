from __future__ import annotations

import hashlib
import os
import zipfile

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling

from sam_common.errors import InputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.jobs.encode import encode_raster
from sam_geo.prompted.embedding import open_store
from sam_geo.raster import fingerprint
from sam_geo.raster.fingerprint import file_facts, identify, signature, sources_of
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch

MOSAIC = """<VRTDataset rasterXSize="100" rasterYSize="80"><SRS>EPSG:32633</SRS>
<GeoTransform>500000,0.5,0,5800000,0,-0.5</GeoTransform><VRTRasterBand dataType="Byte" band="1">
<SimpleSource><SourceFilename relativeToVRT="1">{}</SourceFilename></SimpleSource>
</VRTRasterBand></VRTDataset>"""


def known(path, **options):
    with open_raster(path, **options) as source:
        return signature(source.identity)


def changed(path, value=77):
    with rasterio.open(path, "r+") as dataset:
        dataset.write(np.full((1, 80, 100), value, np.uint8))


def test_a_plain_file_is_its_content(grey_raster, tmp_path):
    copy = tmp_path / "copy.tif"
    copy.write_bytes(grey_raster.read_bytes())
    assert known(grey_raster) == known(copy)
    assert known(grey_raster) == {
        "bytes": grey_raster.stat().st_size,
        "sha256": hashlib.sha256(grey_raster.read_bytes()).hexdigest(),
    }


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_mosaic_is_its_sources(grey_raster, tmp_path, depth):
    name = "image.tif"
    for n in range(depth):
        (tmp_path / f"{n}.vrt").write_text(MOSAIC.format(name))
        name = f"{n}.vrt"
    before = known(tmp_path / name)
    assert before == known(tmp_path / name)
    changed(grey_raster)
    assert known(tmp_path / name) != before


def test_a_mosaic_by_its_connection_string(grey_raster):
    before = known(f"vrt://{grey_raster}?bands=1")
    assert known(f"vrt://{grey_raster}?bands=1,1,1") != before
    changed(grey_raster)
    assert known(f"vrt://{grey_raster}?bands=1") != before


def test_a_source_that_is_lost_or_back_is_a_change(grey_raster, tmp_path):
    mosaic = tmp_path / "m.vrt"
    mosaic.write_text(MOSAIC.format("image.tif"))
    before = known(mosaic)
    grey_raster.rename(tmp_path / "away.tif")
    assert known(mosaic) != before
    (tmp_path / "away.tif").rename(grey_raster)
    assert known(mosaic) == before


@pytest.mark.parametrize("is_mosaic", [False, True])
def test_overviews_and_masks_beside_a_file_belong_to_it(grey_raster, tmp_path, is_mosaic):
    path = grey_raster
    if is_mosaic:
        path = tmp_path / "m.vrt"
        path.write_text(MOSAIC.format("image.tif"))
    seen = [known(path)]
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(grey_raster, "r+") as dataset:
        dataset.build_overviews([2], Resampling.nearest)
    assert (tmp_path / "image.tif.ovr").exists()
    seen.append(known(path))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(grey_raster, "r+") as dataset:
        dataset.write_mask(np.eye(80, 100, dtype=np.uint8) * 255)
    assert (tmp_path / "image.tif.msk").exists()
    seen.append(known(path))
    assert len({str(each) for each in seen}) == 3


def test_statistics_of_a_viewer_are_no_change(grey_raster, tmp_path):
    before = known(grey_raster)
    side = tmp_path / "image.tif.aux.xml"
    statistics = '<MDI key="STATISTICS_MAXIMUM">9</MDI>'
    band = f'<PAMRasterBand band="1"><Metadata>{statistics}</Metadata>%s</PAMRasterBand>'
    side.write_text(f"<PAMDataset>{band % '<Histograms/>'}</PAMDataset>")
    assert known(grey_raster)["sha256"] == before["sha256"]
    side.write_text(f"<PAMDataset>{band % '<NoDataValue>3</NoDataValue>'}</PAMDataset>")
    assert known(grey_raster) != before


def test_a_member_of_a_zip_file_is_the_zip_file(grey_raster, tmp_path):
    archive = tmp_path / "a.zip"
    seen = []
    for value in (1, 2):
        changed(grey_raster, value)
        with zipfile.ZipFile(archive, "w") as packed:
            packed.write(grey_raster, "image.tif")
        seen.append(known(f"/vsizip/{archive}/image.tif"))
    assert seen[0] != seen[1]


def test_large_files_share_what_is_hashed(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "END_BYTES", 3)
    path = tmp_path / "large"
    path.write_bytes(b"abc" + bytes(50) + b"xyz")
    assert file_facts(path, share=20)["sha256_ends"] == hashlib.sha256(b"abcxyz").hexdigest()
    assert file_facts(path, share=2)["sha256_ends"] == hashlib.sha256(b"az").hexdigest()
    assert "sha256" in file_facts(path)


def test_parts_that_are_known_by_their_ends_are_known_by_their_dates(
    grey_raster, tmp_path, monkeypatch
):
    monkeypatch.setattr(fingerprint, "WHOLE_BYTES", 64)
    (tmp_path / "m.vrt").write_text(MOSAIC.format("image.tif"))
    before = known(tmp_path / "m.vrt")
    status = grey_raster.stat()
    os.utime(grey_raster, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert known(tmp_path / "m.vrt") != before


@pytest.mark.parametrize("driver", ["WMS", "GTI", "Zarr", "MEM"])
def test_what_comes_from_a_service_is_never_the_same(grey_raster, driver):
    seen = [identify(str(grey_raster), driver, [str(grey_raster)]) for _ in range(2)]
    assert seen[0] != seen[1]
    assert "does not say what it is made of" in seen[0]["unknown"]


def test_no_embeddings_are_kept_of_what_may_change_unseen(memory_raster, tmp_path):
    with (
        memory_raster(np.zeros((1, 40, 50), np.uint8)) as path,
        open_raster(path) as source,
        pytest.raises(InputError, match="no embeddings are kept of /vsimem/"),
    ):
        open_store(tmp_path / "kept", source, FakeSegmenter(), Stretch(None))
    assert not (tmp_path / "kept").exists()


def test_embeddings_of_a_changed_mosaic_are_refused(grey_raster, tmp_path):
    (tmp_path / "m.vrt").write_text(MOSAIC.format("image.tif"))
    for _ in range(2):
        with open_raster(tmp_path / "m.vrt") as source:
            encode_raster(source, FakeSegmenter(), Stretch(None), tmp_path / "kept")
    changed(grey_raster)
    with (
        open_raster(tmp_path / "m.vrt") as source,
        pytest.raises(InputError, match="embeddings of something else"),
    ):
        encode_raster(source, FakeSegmenter(), Stretch(None), tmp_path / "kept")


@pytest.mark.parametrize(
    "more",
    [
        "<MaskBand><SourceFilename relativeToVRT='1'>mask.tif</SourceFilename></MaskBand>",
        '<Metadata/><OverviewList/><X name="gain_dataset_filename_1">{folder}/mask.tif</X>',
        "<SourceFilename>GTIFF_DIR:1:{folder}/mask.tif</SourceFilename>",
        (
            "<SourceFilename>&lt;VRTDataset&gt;&lt;SourceFilename&gt;{folder}/mask.tif"
            "&lt;/SourceFilename&gt;&lt;/VRTDataset&gt;</SourceFilename>"
        ),
    ],
)
def test_files_that_only_the_text_of_a_mosaic_names_count(grey_raster, tmp_path, more):
    mask = tmp_path / "mask.tif"
    mask.write_bytes(grey_raster.read_bytes())
    path = tmp_path / "m.vrt"
    text = MOSAIC.format("image.tif").replace("</VRTDataset>", more.format(folder=tmp_path))
    path.write_text(text + "</VRTDataset>")
    listed = {str(path), str(tmp_path / "image.tif")}
    named = set(sources_of(str(path), "VRT", sorted(listed)))
    assert named == listed | {str(mask)}
