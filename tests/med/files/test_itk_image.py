"""NRRD and MetaImage files as a whole: shears, layers, several volumes, damage."""

from __future__ import annotations

import os

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from scans import message_of
from volume_files import SHEAR, nrrd, save

from sam_common.errors import InputError
from sam_med.files.read import read_volume
from sam_med.segmentations.read import read_segmentation


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("compressed", [False, True])
def test_other_files_that_end_early_are_refused(suffix, compressed, tmp_path):
    noise = np.random.default_rng(1).integers(0, 1000, (20, 30, 40)).astype(np.int16)
    path = tmp_path / f"CANARY{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(noise), str(path), useCompression=compressed)
    path.write_bytes(path.read_bytes()[:-5000])
    message = message_of(path)
    assert message.startswith(("cannot read the volume file: ", "truncated-pixels: "))
    assert "CANARY" not in message


def test_a_sheared_nrrd_is_read_as_it_is(tmp_path):
    path = tmp_path / "sheared.nrrd"
    vectors = [tuple(SHEAR[:3, axis]) for axis in range(3)]
    path.write_bytes(
        b"NRRD0004\ntype: uchar\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 3 4\n"
        b"space directions: "
        + " ".join(f"({x},{y},{z})" for x, y, z in vectors).encode()
        + b"\nencoding: raw\nspace origin: (5,6,7)\n\n"
        + bytes(range(24))
    )
    volume = read_volume(path)
    ras = volume.to_world((3, 2, 1)) * (-1, -1, 1)
    assert np.abs(ras - (SHEAR @ [1, 2, 3, 1])[:3]).max() < 1e-9
    assert volume.array.ravel().tolist() == list(range(24))
    assert [d.code for d in volume.diagnostics] == ["sheared-axes", "oblique-axes"]


def test_a_nrrd_without_a_space_says_so(tmp_path):
    path = tmp_path / "plain.nrrd"
    path.write_bytes(
        b"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 3 4\nspacings: 1 2 3\nencoding: raw\n\n"
        + bytes(24)
    )
    volume = read_volume(path)
    assert (volume.spacing_mm, volume.shape) == ((3, 2, 1), (4, 3, 2))
    assert [d.code for d in volume.diagnostics] == ["no-affine"]


def test_layers_of_a_segmentation_are_chosen(tmp_path):
    path = tmp_path / "two.seg.nrrd"
    layers = np.arange(2 * 24, dtype=np.uint8)
    path.write_bytes(
        b"NRRD0004\ntype: uchar\ndimension: 4\nspace: left-posterior-superior\nsizes: 2 2 3 4\n"
        b"space directions: none (1,0,0) (0,1,0) (0,0,2)\nkinds: list domain domain domain\n"
        b"encoding: raw\nspace origin: (5,6,7)\nSegment0_Name:=liver\nPatient:=CANARY\n\n"
        + layers.tobytes()
    )
    assert message_of(path) == ("layers: the file holds 2 layers (choose one with --time NUMBER)")
    volume = read_volume(path, time=2)
    assert volume.array.ravel().tolist() == layers[1::2].tolist()
    assert volume.to_world((1, 0, 0)).tolist() == [5, 6, 9]
    assert dict(volume.header) == {"Segment0_Name": "liver"}


def test_names_that_are_no_utf_8(tmp_path):
    path = tmp_path / "a.nrrd"
    sitk.WriteImage(sitk.Image(2, 3, 4, sitk.sitkUInt8), str(path))
    odd = path.rename(tmp_path / os.fsdecode(b"\xff.nrrd"))
    assert message_of(odd).startswith("the name of the file or of its folder is not UTF-8")
    with pytest.raises(InputError, match="is not UTF-8"):
        read_segmentation(odd)
    odd = tmp_path / os.fsdecode(b"\xff.nii")
    save(tmp_path / "b.nii", np.zeros((2, 3, 4), np.int16)).rename(odd)
    assert read_volume(odd).shape == (4, 3, 2)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            ("space: RAS", "spacings: 1 2 3"),
            "Error interpreting nrrd spacing (nrrdSpacingStatusScalarWithSpace)",
        ),
        (("space: elsewhere",), 'couldn\'t parse space "..."'),
    ],
)
def test_refusals_of_itk_hold_no_address_and_no_class(fields, reason, tmp_path):
    with pytest.raises(InputError) as caught:
        read_volume(nrrd(tmp_path / "a.nrrd", *fields))
    assert str(caught.value) == f"cannot read the volume file: {reason}"
