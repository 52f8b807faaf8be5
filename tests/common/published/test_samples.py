from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from sam_common.errors import InputError, IntegrityError
from sam_common.published import samples

NAMES = [
    "osbs_029.tif",
    "osbs_029.xml",
    "historical_map.tif",
    "historical_map.gpkg",
    "mni152_t1.nii.gz",
    "mni152_gm.nii.gz",
    "mni152_wm.nii.gz",
    "abdomen_ct_dicom",
    "abdomen_ct_dicom_organs.nii.gz",
    "abdomen_ct.nii.gz",
    "abdomen_ct_organs.nii.gz",
]


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path))
    monkeypatch.delenv("SAM_GEOMED_FILES", raising=False)
    return tmp_path / "samples"


def test_registry_is_complete_enough_to_cite_and_to_check():
    assert list(samples.registry()) == NAMES
    for name, info in samples.registry().items():
        assert (info.name, info.file.name) == (name, name)
        assert info.licence
        assert re.search(r"\b20\d\d\b", info.citation)
        assert info.provenance.startswith("Member ")
        assert info.file in info.source.files
        assert re.fullmatch(r"[0-9a-f]{64}", info.file.sha256)


def test_samples_of_a_package_share_its_download():
    sources = {info.source for info in samples.registry().values()}
    assert sorted(source.label for source in sources) == [
        "Python package deepforest 2.1.0",
        "Python package nilearn 0.14.1",
        "Python source package TotalSegmentator 2.4.0",
        "Python source package museotoolbox 0.13.6",
    ]


def test_unknown_sample_suggests_the_nearest():
    with pytest.raises(InputError) as caught:
        samples.fetch("osbs_029.tiff")
    assert str(caught.value) == (
        f'unknown sample "osbs_029.tiff": did you mean "osbs_029.tif"? Samples: {", ".join(NAMES)}'
    )


def test_wrong_file_is_refused(empty_cache, tmp_path):
    path = tmp_path / "mni152_t1.nii.gz"
    path.write_bytes(b"\x1f\x8b")
    with pytest.raises(IntegrityError, match=r"^.*mni152_t1.nii.gz is not the published mni152_t1"):
        samples.adopt("mni152_t1.nii.gz", path)


def test_licences_are_those_of_the_packages():
    licences = {name: info.licence for name, info in samples.registry().items()}
    assert licences["historical_map.tif"].startswith("GPL-3.0 ")
    assert licences["abdomen_ct_dicom"].startswith("Apache-2.0 ")


def test_a_folder_of_another_series_is_refused(empty_cache, tmp_path):
    with pytest.raises(IntegrityError, match=r"is missing: abdomen_ct_dicom \(a folder of 20 file"):
        samples.adopt("abdomen_ct_dicom", tmp_path)


def test_the_series_of_the_user(empty_cache, data):
    adopted = samples.adopt("abdomen_ct_dicom", data / "med/dicom/ct_abdomen_dicom/series")
    assert adopted == empty_cache / "abdomen_ct_dicom"
    assert len(list(adopted.iterdir())) == 20
    assert samples.fetch("abdomen_ct_dicom") == adopted


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("historical_map.tif", "geo/historical_map_landcover/map_compress.tif"),
        ("historical_map.gpkg", "geo/historical_map_landcover/train.gpkg"),
        ("abdomen_ct.nii.gz", "med/volumes/ct_abdomen/ct.nii.gz"),
        ("abdomen_ct_organs.nii.gz", "med/volumes/ct_abdomen/organs.nii.gz"),
    ],
)
def test_the_files_of_the_user(name, path, empty_cache, data):
    assert samples.adopt(name, data / path).read_bytes() == (data / path).read_bytes()


@pytest.mark.slow
def test_trees_come_from_their_wheel(empty_cache, capsys):
    image = samples.fetch("osbs_029.tif")
    assert image == empty_cache / "osbs_029.tif"
    assert "fetching osbs_029.tif: Python package deepforest 2.1.0" in capsys.readouterr().err
    boxes = samples.fetch("osbs_029.xml")
    assert capsys.readouterr().err == ""
    with Image.open(image) as picture:
        assert picture.size == (400, 400)
    assert len(ET.parse(boxes).findall("object")) == 61  # noqa: S314 - its sha256 is pinned
