from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from sam_common.published import sample_sources
from sam_common.published.pinned_file import PinnedFolder
from sam_common.published.sdist import Sdist

SOURCES = {name: value for name, value in vars(sample_sources).items() if name.isupper()}
PUBLIC = {name: value for name, value in SOURCES.items() if not name.startswith("_")}


@pytest.fixture(params=sorted(PUBLIC))
def source(request):
    return PUBLIC[request.param]


def test_every_file_has_a_name_of_its_own():
    names = [pinned.name for source in PUBLIC.values() for pinned in source.files]
    assert len(names) == len(set(names)) == 11


def test_every_content_is_pinned_once(source):
    parts = [part for pinned in source.files for part in pinned.parts]
    assert all(re.fullmatch(r"[0-9a-f]{64}", part.sha256) and part.size_bytes for part in parts)
    assert len({part.sha256 for part in parts}) == len(parts)


def test_members_lie_in_the_package(source):
    top = source.package
    if isinstance(source, Sdist):
        top = f"{source.package}-{source.version}"
        assert source.archive.name == f"{top}.tar.gz"
    for member, _ in source.members:
        path = PurePosixPath(member)
        assert path.parts[0] == top
        assert ".." not in path.parts


def test_the_series_has_its_twenty_slices_in_order_of_name():
    (series,) = [each for each in sample_sources.ABDOMEN.files if isinstance(each, PinnedFolder)]
    names = [pinned.name for pinned in series.files]
    assert len(names) == 20
    assert names == sorted(names)
    assert all(name.startswith("CT.1.3.12.2.1107.5.1.4.60064.") for name in names)


def test_nothing_else_of_the_package_is_taken():
    members = [member for member, _ in sample_sources.ABDOMEN.members]
    assert [member.rpartition("/")[2] for member in members] == [
        "example_ct_dicom",
        "example_seg_dicom.nii.gz",
        "example_ct.nii.gz",
        "example_seg_fast_force_split.nii.gz",
    ]
