from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from sam_common.errors import InputError, IntegrityError
from sam_common.published import samples
from sam_common.published.origins import Wheel

NAMES = [
    "osbs_029.tif",
    "osbs_029.xml",
    "mni152_t1.nii.gz",
    "mni152_gm.nii.gz",
    "mni152_wm.nii.gz",
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
    assert all(isinstance(source, Wheel) for source in sources)
    assert sorted(source.label for source in sources) == [
        "Python package deepforest 2.1.0",
        "Python package nilearn 0.14.1",
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
