from __future__ import annotations

import nibabel
import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.server.files.roots import RefusedPathError
from sam_common.server.sessions.live_source import Context
from sam_med.live.files import heard, hold, read

ARRAY = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
AFFINE = np.diag([-1.0, -1, 2, 1])


def save(path):
    nibabel.save(nibabel.Nifti1Image(ARRAY.T, AFFINE), path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.nii", ".nii"),
        ("a.b.NII.GZ", ".nii.gz"),
        ("a.mgh.gz", ".mgh.gz"),
        ("a.seg.nrrd.x", ".x"),
        ("a.mrk.json", ".mrk.json"),
        ("a", ""),
        ("a.a_long_suffix", ""),
    ],
)
def test_a_held_file_keeps_the_end_of_its_name(name, kind, folder, held):
    (folder / name).write_bytes(b"x")
    place = hold(folder / name, held, "volume")
    assert place == held.folder / f"volume{kind}"
    assert place.read_bytes() == b"x"


def test_folders_and_what_stands_for_one_are_held_whole(folder, held):
    (folder / "study").mkdir()
    (folder / "study" / "1.dcm").write_bytes(b"x")
    (folder / "study" / "dicomdir").write_bytes(b"list")
    for path, name in ((folder / "study", "a"), (folder / "study" / "dicomdir", "b")):
        place = hold(path, held, name)
        assert sorted(p.name for p in place.iterdir()) == ["1.dcm", "dicomdir"]


@pytest.mark.parametrize("name", ["a.hdr", "a.img"])
@pytest.mark.parametrize("upper", [False, True])
def test_the_other_file_of_a_pair_is_held_with_it(name, upper, folder, held):
    image = nibabel.Nifti1Pair(ARRAY.T, AFFINE)
    nibabel.save(image, folder / "a.hdr")
    if upper:
        other = {"a.hdr": "a.img", "a.img": "a.hdr"}[name]
        (folder / other).rename(folder / other.upper())
    place = hold(folder / name, held, "volume")
    assert sorted(p.name for p in held.folder.iterdir()) == ["volume.hdr", "volume.img"]
    assert np.array_equal(np.asarray(nibabel.load(place).dataobj).T, ARRAY)


def test_a_header_is_held_with_its_voxels(folder, held):
    (folder / "a.mhd").write_text("NDims = 1\nDimSize = 4\nElementDataFile = a.raw\n")
    (folder / "a.raw").write_bytes(b"1234")
    place = hold(folder / "a.mhd", held, "volume")
    assert place.name == "volume.mhd"
    assert (held.folder / "volume.mhd-1.raw").read_bytes() == b"1234"


def test_files_elsewhere_are_refused(folder, held):
    save(folder.parent / "a.nii")
    with pytest.raises(RefusedPathError):
        hold(folder.parent / "a.nii", held, "volume")


def test_a_volume_file_is_let_go_of_once_it_is_read(folder, held, context):
    save(folder / "a.nii")
    place = hold(folder / "a.nii", held, "volume")
    volume = read({"modality": "MR"}, place, context)
    assert np.array_equal(volume.array, ARRAY)
    assert (volume.modality, volume.spacing_mm) == ("MR", (2, 1, 1))
    assert list(held.folder.iterdir()) == []


def test_dicom_stays_held_until_its_results_are_written(dicom, tmp_path, held, context):
    dicom.folder = tmp_path / "data"
    dicom.series([(10, 20, 30 + 2 * n) for n in range(3)])
    place = hold(tmp_path / "data", held, "volume")
    volume = read({}, place, context)
    assert volume.shape == (3, 6, 8)
    assert len(list(held.folder.iterdir())) == 1
    assert all(path.is_relative_to(held.folder) for path in volume.files)


def test_a_folder_that_is_changed_while_it_is_read_is_refused(dicom, tmp_path, held, context):
    dicom.folder = tmp_path / "data"
    dicom.series([(10, 20, 30 + 2 * n) for n in range(3)])
    place = hold(tmp_path / "data", held, "volume")
    (tmp_path / "data" / "more").write_bytes(b"x")
    with pytest.raises(RefusedPathError, match="changed while it was read"):
        read({}, place, context)


def test_an_uploaded_array_lies_where_its_affine_says(request_of, context):
    request, path = request_of(ARRAY, modality="mr")
    volume = read(request, path, context)
    assert np.array_equal(volume.array, ARRAY)
    assert volume.modality == "MR"
    # i, j, k are 1, 1 and 2 mm apart from (10, 20, 30)
    assert volume.to_world([(2, 1, 3)]).tolist() == [[13, 21, 34]]


@pytest.mark.parametrize("frame", [None, {"affine": [1, 0, 0, 0, 1, 0]}])
def test_an_uploaded_array_needs_its_place(frame, request_of, context):
    request, path = request_of(ARRAY)
    with pytest.raises(InputError, match=r"^an uploaded volume needs its frame: a 4x4 affine"):
        read({**request, "frame": frame}, path, context)


def test_files_are_heard_twice_while_a_folder_is_read(dicom, tmp_path, held, context, told):
    dicom.folder = tmp_path / "data"
    dicom.series([(10, 20, 30 + 2 * n) for n in range(3)])
    place = hold(tmp_path / "data", held, "volume")
    heard_by = Context(context.segmenter, context.pool, held, told)
    with heard(heard_by, place):
        read({}, place, heard_by)
    # three files and their folder, once for the headers and once for the pixels
    assert told.begun == [("files", 8)]
    assert 3 <= sum(told.steps) <= 8
    steps = len(told.steps)
    read({}, place, context)
    assert len(told.steps) == steps
