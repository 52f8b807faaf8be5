"""NIfTI files: affines, units, scales, damage, and files in two parts."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from scans import message_of
from volume_files import SCANNER, SHEAR, nifti, save

from sam_med.files.read import read_volume


def test_the_space_of_a_nifti_is_kept(data):
    volume = read_volume(data / "med/volumes/mni152/t1.nii.gz")
    assert dict(volume.header) == {"sform_code": "2", "qform_code": "0"}


def test_a_nifti_that_ends_early_is_refused(tmp_path):
    """ITK itself fills the rest with zeros and says nothing."""
    path = save(tmp_path / "cut.nii", np.ones((50, 60, 7), np.int16))
    path.write_bytes(path.read_bytes()[:-1])
    assert message_of(path) == (
        "truncated-pixels: the NIfTI file is damaged or ends early: Expected 42000 bytes, got "
        "41999 bytes from the file (have it copied again)"
    )
    assert sitk.ReadImage(str(path)).GetSize() == (50, 60, 7)


def test_a_compressed_nifti_that_ends_early_is_refused(tmp_path):
    noise = np.random.default_rng(1).integers(0, 1000, (50, 60, 7)).astype(np.int16)
    path = save(tmp_path / "cut.nii.gz", noise)
    path.write_bytes(path.read_bytes()[:20000])
    assert message_of(path) == (
        "truncated-pixels: the NIfTI file is damaged or ends early: Compressed file ended before "
        "the end-of-stream marker was reached (have it copied again)"
    )
    path.write_bytes(gzip.compress(gzip.compress(b"x")))
    assert message_of(path).startswith("cannot read the NIfTI file: ")


def test_a_sheared_nifti_is_read_as_it_is(tmp_path):
    path = tmp_path / "sheared.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((5, 6, 7), np.int16), SHEAR), path)
    volume = read_volume(path)
    ras = volume.to_world((4, 3, 2)) * (-1, -1, 1)
    assert np.abs(ras - (SHEAR @ [2, 3, 4, 1])[:3]).max() < 1e-6
    said = {d.code: d.numbers for d in volume.diagnostics}
    assert said["sheared-axes"]["degrees"] == pytest.approx(11.253, abs=0.001)


def test_the_sform_goes_before_the_qform_and_a_conflict_is_told(tmp_path):
    moved = SCANNER.copy()
    moved[:3, 3] += (3, 4, 0)
    volume = read_volume(nifti(tmp_path / "two.nii", sform=SCANNER, qform=moved))
    assert volume.to_world((0, 0, 0)).tolist() == [10, 20, -30]
    (said,) = volume.diagnostics
    assert (said.code, said.message) == (
        "affine-conflict",
        "sform and qform place a corner of the volume 5.000 mm apart",
    )
    same = read_volume(nifti(tmp_path / "same.nii", sform=SCANNER, qform=SCANNER))
    assert same.diagnostics == ()


def test_a_qform_alone_is_taken(tmp_path):
    volume = read_volume(nifti(tmp_path / "q.nii", qform=SCANNER))
    assert np.abs(volume.to_world((1, 1, 1)) - (9, 18, -27)).max() < 1e-6
    assert dict(volume.header) == {"sform_code": "0", "qform_code": "1"}
    assert volume.diagnostics == ()


def test_without_an_affine_the_voxel_sizes_remain(tmp_path):
    volume = read_volume(nifti(tmp_path / "none.nii"))
    assert volume.to_world((1, 1, 1)).tolist() == [-1, -2, 3]
    assert [d.code for d in volume.diagnostics] == ["no-affine"]


@pytest.mark.parametrize(("unit", "scale"), [("meter", 1000), ("micron", 0.001)])
def test_other_units_become_millimetres(unit, scale, tmp_path):
    path = nifti(tmp_path / "m.nii", sform=SCANNER, units=unit)
    volume = read_volume(path)
    assert np.abs(volume.to_world((1, 0, 0)) - np.array([10, 20, -27]) * scale).max() < 1e-6
    assert [d.code for d in volume.diagnostics] == ["scaled-units"]


@pytest.mark.parametrize(
    ("slope", "dtype"), [((2, -100), np.int16), ((1, 40000), np.uint16), ((0.5, 1), np.float32)]
)
def test_the_scale_of_a_nifti_is_applied(slope, dtype, tmp_path):
    path = nifti(tmp_path / "scaled.nii", sform=SCANNER)
    content = bytearray(path.read_bytes())
    content[112:120] = np.array(slope, "<f4").tobytes()
    path.write_bytes(content)
    volume = read_volume(path)
    assert volume.array.dtype == dtype
    assert np.array_equal(volume.array.T, nibabel.load(path).get_fdata())


def test_units_that_are_none(tmp_path):
    path = nifti(tmp_path / "odd.nii", sform=SCANNER)
    content = bytearray(path.read_bytes())
    for code, told in ((224, "no-units"), (229, "unknown-units")):
        content[123] = code  # units of space, in the lowest three bits, and of time
        path.write_bytes(content)
        volume = read_volume(path)
        assert volume.spacing_mm == (3, 2, 1)
        assert [d.code for d in volume.diagnostics] == [told]


@pytest.mark.parametrize(
    ("unit", "voxel", "off", "seen"),
    [
        ("meter", 0.001, 0.005, "5.000 mm"),
        ("micron", 10.0, 4.0, None),
        ("micron", 5.0, 8.0, "0.008 mm"),
        ("micron", 0.5, 0.3, "0.0003 mm"),
        ("mm", 1.0, 0.02, "0.02 mm"),
        ("mm", 1.0, 0.005, None),
    ],
)
def test_forms_are_compared_in_mm_and_by_the_size_of_voxels(unit, voxel, off, seen, tmp_path):
    sform = np.diag([voxel, 2 * voxel, 3 * voxel, 1])
    qform = sform.copy()
    qform[1, 3] = off
    path = tmp_path / "both.nii"
    image = nibabel.Nifti1Image(np.zeros((5, 6, 7), np.int16), None)
    image.set_qform(qform, 1)
    image.set_sform(sform, 1)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    found = [d.message for d in read_volume(path).diagnostics if d.code == "affine-conflict"]
    wanted = [] if seen is None else [f"sform and qform place a corner of the volume {seen} apart"]
    assert found == wanted


def test_rounding_far_from_the_origin_is_no_conflict(tmp_path):
    affine = np.diag([0.0005, 0.0005, 0.0005, 1.0])
    affine[:3, 3] = (-1234.5678, 987.65432, 1111.1111)
    image = nibabel.Nifti1Image(np.zeros((90, 90, 90), np.uint8), affine)
    image.set_qform(affine, 1)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "far.nii")
    assert read_volume(tmp_path / "far.nii").diagnostics == ()


@pytest.mark.parametrize("suffixes", [(".hdr", ".img"), (".hdr.gz", ".img.gz")])
def test_a_nifti_in_two_files_is_read_by_either_name(suffixes, tmp_path):
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    image = nibabel.Nifti1Pair(array, SCANNER)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / f"a{suffixes[1]}")
    for suffix in suffixes:
        path = tmp_path / f"a{suffix}"
        volume = read_volume(path)
        assert np.array_equal(volume.array, array.transpose())
        assert sorted(volume.files) == [tmp_path / f"a{s}" for s in suffixes]
        assert volume.diagnostics == ()
    (tmp_path / f"a{suffixes[1]}").unlink()
    assert "half of a pair" in message_of(tmp_path / "a.hdr") if suffixes[0] == ".hdr" else True


def test_analyze_is_refused_with_the_reason(tmp_path):
    nibabel.save(nibabel.AnalyzeImage(np.zeros((2, 3, 4), np.int16), np.eye(4)), tmp_path / "a.img")
    assert message_of(tmp_path / "a.hdr").startswith("the file is Analyze 7.5, which does not say")


def test_big_endian_files_are_read(tmp_path):
    array = np.arange(60, dtype=">i2").reshape(3, 4, 5)
    path = tmp_path / "big.nii"
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4), header), path)
    assert path.read_bytes()[:4] == b"\x00\x00\x01\x5c"
    volume = read_volume(path)
    assert volume.array.dtype == np.dtype("=i2")
    assert np.array_equal(volume.array.T, array)
