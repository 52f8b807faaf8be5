from __future__ import annotations

import nrrd
import numpy as np
import pytest
import SimpleITK

from sam_common.errors import InputError
from sam_common.server.files.roots import RefusedPathError
from sam_med.live import headers
from sam_med.live.headers import hold_header

VOXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
NRRD = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 3 2\nspacings: 1 2 3\nencoding: raw\n"
META = "NDims = 3\nDimSize = 4 3 2\nElementSpacing = 1 2 3\nElementType = MET_UCHAR\n"


def read(path):
    image = SimpleITK.ReadImage(str(path))
    assert image.GetSpacing() == (1, 2, 3)
    return SimpleITK.GetArrayFromImage(image)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_voxels_behind_their_header_are_read_through_the_new_one(suffix, packed, folder, held):
    image = SimpleITK.GetImageFromArray(VOXELS)
    image.SetSpacing((1, 2, 3))
    SimpleITK.WriteImage(image, str(folder / f"a{suffix}"), packed)
    place = hold_header(folder / f"a{suffix}", f"volume{suffix}", held)
    assert place == held.folder / f"volume{suffix}"
    assert np.array_equal(read(place), VOXELS)
    # the file is read as it was when it was held, wherever its name leads now
    (folder / f"a{suffix}").rename(folder / "gone")
    assert np.array_equal(read(place), VOXELS)


@pytest.mark.parametrize(
    ("name", "text", "files"),
    [
        ("a.nhdr", f"{NRRD}data file: v.raw\n\n", {"v.raw": VOXELS}),
        ("a.nhdr", f"{NRRD}datafile: v.raw\nbyte skip: 0\n", {"v.raw": VOXELS}),
        ("a.nhdr", f"{NRRD}data file: v%02d.raw 3 5 2 2\n\n", {"v03.raw": 0, "v05.raw": 1}),
        ("a.nhdr", f"{NRRD}data file: v%d.raw 2 1 -1 2\n\n", {"v2.raw": 0, "v1.raw": 1}),
        ("a.nhdr", f"{NRRD}data file: LIST 2\nv2.raw\nv1.raw\n", {"v2.raw": 0, "v1.raw": 1}),
        ("a.mhd", f"{META}ElementDataFile = v.raw\n", {"v.raw": VOXELS}),
        ("a.mhd", f"{META}ElementDataFile = v%d.raw 1 2 1\n", {"v1.raw": 0, "v2.raw": 1}),
        ("a.mhd", f"{META}ElementDataFile = LIST\nv2.raw\nv1.raw\n", {"v2.raw": 0, "v1.raw": 1}),
    ],
)
def test_voxels_in_files_of_their_own(name, text, files, folder, held):
    (folder / name).write_text(text)
    for file, part in files.items():
        voxels = part if isinstance(part, np.ndarray) else VOXELS[part]
        (folder / file).write_bytes(voxels.tobytes())
    place = hold_header(folder / name, f"volume{name[1:]}", held)
    assert np.array_equal(read(place), VOXELS)
    assert not any(file in place.read_text() for file in files)


def test_lines_before_the_voxels_are_skipped(folder, held):
    (folder / "a.nhdr").write_text(f"{NRRD}line skip: 2\ndata file: v.raw\n")
    (folder / "v.raw").write_bytes(b"one\ntwo\n" + VOXELS.tobytes())
    place = hold_header(folder / "a.nhdr", "volume.nhdr", held)
    assert "line skip: 2\n" in place.read_text()
    assert np.array_equal(nrrd.read(str(place))[0].T, VOXELS)


def test_other_fields_stay_as_they_were(folder, held):
    fields = "content: a scan\nspace: left-posterior-superior\nkey:=a value: of = its own\n"
    (folder / "a.nrrd").write_bytes(f"{NRRD}{fields}# said\n\n".encode() + VOXELS.tobytes())
    text = hold_header(folder / "a.nrrd", "volume.nrrd", held).read_text()
    assert fields in text
    assert text.startswith(NRRD)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.nrrd", "NRRD12\n", "the file is no NRRD, although its name ends like that of one"),
        ("a.nrrd", NRRD, "the header has no end, or names no voxels: is the file damaged?"),
        ("a.mhd", META, "the header has no end, or names no voxels: is the file damaged?"),
        ("a.mhd", f"{META}no name\n", "a line of the header has no name: write the volume anew"),
        (
            "a.nhdr",
            f"{NRRD}data file: v.raw\ndata file: w.raw\n\n",
            "the header names its voxels twice, or not at all: write it anew",
        ),
        (
            "a.nhdr",
            f"{NRRD}data file:=v.raw\n\n",
            "the header names its voxels twice: write the volume anew",
        ),
        (
            "a.nhdr",
            f"{NRRD}line skip: many\n\n",
            "the header skips a number of lines or bytes, got 'many'",
        ),
        (
            "a.nhdr",
            f"{NRRD}data file: v%d.raw 1 999999 1 2\n\n",
            (
                "the voxels lie in 201 files, and 1 to 200 are opened here: join them, or send the "
                "voxels"
            ),
        ),
        (
            "a.nrrd",
            f"{NRRD}content: a\rb\n\n",
            "the header holds control characters, or is too long: is it damaged?",
        ),
        (
            "a.mhd",
            f"{META}ElementDataFile = ../v.raw\n",
            (
                "the header names voxels in files that this server may not open: put them "
                "beside it, or send the voxels"
            ),
        ),
    ],
)
def test_headers_that_are_refused(name, text, expected, folder, held):
    (folder / name).write_text(text, newline="")
    (folder / "v.raw").write_bytes(VOXELS.tobytes())
    (folder.parent / "v.raw").write_bytes(VOXELS.tobytes())
    with pytest.raises(InputError) as caught:
        hold_header(folder / name, f"volume{name[1:]}", held)
    assert str(caught.value) == expected


def test_a_header_without_end_is_not_read_for_ever(folder, held, monkeypatch):
    monkeypatch.setattr(headers, "MAX_BYTES", 200)
    (folder / "a.nrrd").write_text(NRRD + "content: long\n" * 20)
    with pytest.raises(InputError, match="is too long"):
        hold_header(folder / "a.nrrd", "volume.nrrd", held)


def test_a_header_elsewhere_is_refused(folder, held):
    (folder.parent / "a.nrrd").write_text(NRRD)
    with pytest.raises(RefusedPathError):
        hold_header(folder.parent / "a.nrrd", "volume.nrrd", held)
