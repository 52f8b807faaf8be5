from __future__ import annotations

import gzip
import itertools
import os
import re
import zipfile

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses

from sam_common.errors import InputError
from sam_common.frame import Frame
from sam_med.files.read import read_volume
from sam_med.geometry.volume import Volume
from sam_med.segmentations.read import read_segmentation

RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def save(path, array):
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4), dtype=array.dtype), path)
    return path


def message_of(path, **choice):
    with pytest.raises(InputError) as caught:
        read_volume(path, **choice)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
def test_every_format_keeps_type_and_voxels(suffix, dtype, tmp_path):
    array = np.arange(2 * 3 * 4, dtype=dtype).reshape(2, 3, 4)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.5, 0.6, 2.0))
    path = tmp_path / f"volume{suffix}"
    sitk.WriteImage(image, str(path))
    volume = read_volume(path)
    assert volume.array.dtype == dtype
    assert np.array_equal(volume.array, array)
    assert volume.spacing_mm == pytest.approx((2.0, 0.6, 0.5))
    assert (volume.source, volume.files, volume.modality) == (path, (path,), None)


def test_float64_becomes_float32(data):
    path = data / "med/volumes/mr_spine_t2/cord_levels.nii.gz"
    volume = read_volume(path)
    assert volume.array.dtype == np.float32
    assert np.unique(volume.array).tolist() == [0, 2, 3, 4, 5]


def test_voxels_are_read_only(data):
    volume = read_volume(data / "med/volumes/mr_spine_t2/t2.nii.gz")
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1


def test_modality_is_stated_or_unknown(data):
    path = data / "med/volumes/mr_spine_t2/t2.nii.gz"
    assert read_volume(path).modality is None
    assert read_volume(path, modality="mr").modality == "MR"
    series = data / "med/dicom/ct_small_rotated/series"
    assert read_volume(series).modality == "CT"
    assert read_volume(series, modality="MR").modality == "MR"


def test_the_space_of_a_nifti_is_kept(data):
    volume = read_volume(data / "med/volumes/mni152/t1.nii.gz")
    assert dict(volume.header) == {"sform_code": "2", "qform_code": "0"}


def test_no_such_file(tmp_path):
    assert message_of(tmp_path / "none.nii") == f"no such file: {tmp_path / 'none.nii'}"


def test_unknown_format(tmp_path):
    path = tmp_path / "scan.png"
    path.write_bytes(b"x" * 200)
    assert message_of(path) == (
        "not-dicom: the file is no DICOM, no zip of it, and its name does not end like that of a "
        "volume file (.nii.gz, .nii, .nrrd, .nhdr, .mha, .mhd, .mgz, .mgh)"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("scan.nii", "cannot read the NIfTI file: Cannot work out file type of "),
        ("scan.nrrd", "cannot read the volume file: "),
        ("scan.mha", "cannot read the volume file: "),
    ],
)
def test_a_text_file_named_as_a_volume(name, reason, tmp_path):
    path = tmp_path / name
    path.write_text("not an image")
    message = message_of(path)
    assert message.startswith(reason)
    assert str(tmp_path) not in message


def test_two_dimensions(tmp_path):
    path = save(tmp_path / "flat.nii", np.zeros((5, 6), np.int16))
    assert message_of(path) == "the NIfTI file has 2 dimensions, (5, 6): a volume needs 3"
    flat = tmp_path / "flat.mha"
    sitk.WriteImage(sitk.Image(5, 6, sitk.sitkInt16), str(flat))
    assert message_of(flat) == "the file has 2 dimensions (5, 6): a volume needs 3"


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_time_point_is_chosen(suffix, tmp_path):
    array = np.arange(5 * 4 * 3 * 2, dtype=np.int16).reshape(5, 4, 3, 2)  # t, k, j, i
    image = sitk.GetImageFromArray(array, isVector=False)
    image.SetSpacing((1, 2, 3, 1))
    path = tmp_path / f"times{suffix}"
    sitk.WriteImage(image, str(path))
    assert message_of(path) == (
        "repeated-positions: the file holds 5 time points (choose a time point with --time NUMBER)"
    )
    assert message_of(path, time=6) == "no time point 6: there are 5 (from 1 to 5)"
    for time in (1, 5):
        volume = read_volume(path, time=time)
        assert np.array_equal(volume.array, array[time - 1])
        assert volume.spacing_mm == (3, 2, 1)
        assert volume.notes[0] == (
            f"repeated-positions: the file holds 5 time points (time point {time} is read)"
        )


def test_a_fourth_dimension_of_one_is_none(tmp_path):
    path = save(tmp_path / "single.nii", np.zeros((5, 6, 7, 1), np.int16))
    assert read_volume(path).shape == (7, 6, 5)
    assert read_volume(path, time=1).shape == (7, 6, 5)


def test_a_volume_file_holds_one_series(tmp_path):
    path = save(tmp_path / "one.nii", np.zeros((5, 6, 7), np.int16))
    assert read_volume(path, series=1).shape == (7, 6, 5)
    assert message_of(path, series=2) == "no series 2: a volume file holds one"


@pytest.mark.parametrize(("dtype", "kind"), [(np.complex64, "complex64"), (RGB, "colours")])
def test_one_real_number_per_voxel(dtype, kind, tmp_path):
    path = save(tmp_path / "odd.nii", np.zeros((5, 6, 7), dtype))
    assert message_of(path) == (
        f"the NIfTI file holds {kind}: a volume needs one real number per voxel"
    )
    path = tmp_path / "odd.nrrd"
    sitk.WriteImage(sitk.Image(5, 6, 7, sitk.sitkVectorUInt8), str(path))
    assert message_of(path) == (
        "the file holds vector of 8-bit unsigned integer with 3 component(s) per voxel: "
        "a volume needs one real number per voxel"
    )


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


SHEAR = np.array([[-2.0, 0.3, 0.1, 5], [0, 1.5, -0.4, 6], [0.2, 0, 3, 7], [0, 0, 0, 1]])


def test_a_sheared_nifti_is_read_as_it_is(tmp_path):
    path = tmp_path / "sheared.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((5, 6, 7), np.int16), SHEAR), path)
    volume = read_volume(path)
    ras = volume.to_world((4, 3, 2)) * (-1, -1, 1)
    assert np.abs(ras - (SHEAR @ [2, 3, 4, 1])[:3]).max() < 1e-6
    said = {d.code: d.numbers for d in volume.diagnostics}
    assert said["sheared-axes"]["degrees"] == pytest.approx(11.253, abs=0.001)


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


def nifti(path, *, sform=None, qform=None, units="mm", slope=None):
    image = nibabel.Nifti1Image(np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7), None)
    image.header.set_zooms((1, 2, 3))
    image.set_sform(sform, 0 if sform is None else 2)
    image.set_qform(qform, 0 if qform is None else 1)
    image.header.set_xyzt_units(units)
    if slope is not None:
        image.header.set_slope_inter(*slope)
    nibabel.save(image, path)
    return path


SIGNED_AXES = [
    np.diag([*signs, 1.0])[:, [*order, 3]]
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1.0, -1.0), repeat=3)
]
"""The 48 ways in which voxel axes lie along those of the patient."""


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("axes", SIGNED_AXES)
def test_every_permutation_and_flip(suffix, axes, tmp_path):
    affine = axes @ np.diag([0.5, 2.0, 3.0, 1.0])
    affine[:3, 3] = (11, -12, 13)
    array = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    path = tmp_path / f"volume{suffix}"
    if suffix == ".nii":
        image = nibabel.Nifti1Image(array, affine)
        image.header.set_xyzt_units("mm")
        nibabel.save(image, path)
    else:
        image = sitk.GetImageFromArray(array.T)
        lps = np.diag([-1, -1, 1, 1]) @ affine
        image.SetOrigin(lps[:3, 3])
        image.SetSpacing((0.5, 2.0, 3.0))
        image.SetDirection((lps[:3, :3] / (0.5, 2.0, 3.0)).ravel())
        sitk.WriteImage(image, str(path))
    volume = read_volume(path)
    assert volume.diagnostics == ()
    assert np.array_equal(volume.array, array.T)
    for ijk in np.ndindex(array.shape):
        ras = nibabel.affines.apply_affine(affine, ijk)
        assert np.abs(volume.to_world(ijk[::-1]) - ras * (-1, -1, 1)).max() < 1e-6


SCANNER = np.array([[1.0, 0, 0, -10], [0, 2, 0, -20], [0, 0, 3, -30], [0, 0, 0, 1]])


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


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0, 3], np.int16),
        ([0, 60000], np.uint16),
        ([-70000, 3], np.int32),
        ([0, 2**40], np.float32),
    ],
)
def test_64_bit_labels_become_the_smallest_type(values, dtype, tmp_path):
    array = np.resize(np.array(values, np.int64), (3, 4, 5))
    path = save(tmp_path / "labels.nii", array)
    volume = read_volume(path)
    assert volume.array.dtype == dtype
    assert np.array_equal(volume.array.T.astype(np.float64), array.astype(np.float64))


def test_units_that_are_none(tmp_path):
    path = nifti(tmp_path / "odd.nii", sform=SCANNER)
    content = bytearray(path.read_bytes())
    for code, told in ((224, "no-units"), (229, "unknown-units")):
        content[123] = code  # units of space, in the lowest three bits, and of time
        path.write_bytes(content)
        volume = read_volume(path)
        assert volume.spacing_mm == (3, 2, 1)
        assert [d.code for d in volume.diagnostics] == [told]


def test_a_header_that_makes_no_sense(tmp_path):
    path = nifti(tmp_path / "odd.nii", sform=SCANNER)
    content = bytearray(path.read_bytes())
    content[70:72] = (999).to_bytes(2, "little")  # type of voxels
    path.write_bytes(content)
    assert message_of(path).startswith("cannot read the NIfTI file: ")
    content = bytearray(nifti(tmp_path / "odd.nii", sform=SCANNER).read_bytes())
    content[42:48] = (30000).to_bytes(2, "little") * 3  # sizes
    path.write_bytes(content)
    assert message_of(path) == (
        "the NIfTI file says that it has (30000, 30000, 30000) voxels: its header is damaged"
    )


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


def nrrd(path, *fields, sizes="2 3 4"):
    voxels = int(np.prod([int(n) for n in sizes.split()]))
    head = ["NRRD0004", "type: uchar", f"dimension: {len(sizes.split())}", f"sizes: {sizes}"]
    lines = [*head, "encoding: raw", *fields]
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + bytes(voxels))
    return path


STEPS = "space directions: (1,0,0) (0,2,0) (0,0,3)"
ORIGIN = "space origin: (10,20,30)"


@pytest.mark.parametrize(
    ("fields", "origin", "codes"),
    [
        (("space: LPS",), (10, 20, 30), []),
        (("space: RAS",), (-10, -20, 30), []),
        (("space: left-anterior-superior",), (10, -20, 30), []),
        (("Space: LPS", 'Space Units: "um" "um" "um"'), (0.01, 0.02, 0.03), ["scaled-units"]),
        (("space: RAS", 'space units: "m" "m" "m"'), (-1e4, -2e4, 3e4), ["scaled-units"]),
        (
            ("space: LPS", 'space units: "mm" "cm" "Microns"'),
            (10, 200, 0.03),
            ["scaled-units"],
        ),
        (("space: LPS", 'space units: "mm" "mm" "mm"'), (10, 20, 30), []),
        (("space: LPS", 'space units: "ell" "mm" "mm"'), (10, 20, 30), ["unknown-units"]),
        (("space: scanner-xyz",), (10, 20, 30), ["unknown-space"]),
        (("space: 3D-right-handed",), (10, 20, 30), ["unknown-space"]),
        (("space dimension: 3",), (10, 20, 30), ["no-affine"]),
    ],
)
def test_spaces_and_units_of_a_nrrd(fields, origin, codes, tmp_path):
    path = nrrd(tmp_path / "a.nrrd", *fields, STEPS, ORIGIN)
    volume = read_volume(path)
    assert volume.to_world((0, 0, 0)) == pytest.approx(origin)
    assert [d.code for d in volume.diagnostics] == codes


def test_a_left_handed_space_is_refused(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", "space: 3D-left-handed", STEPS, ORIGIN)
    assert message_of(path).startswith("mirrored-space: the space is '3d-left-handed' (refused")


@pytest.mark.parametrize(
    ("space", "origin"),
    [
        ("right-anterior-superior-time", (-10, -20, 30)),
        ("LAST", (10, -20, 30)),
        ("LPST", (10, 20, 30)),
    ],
)
def test_spaces_with_time_are_turned_too(space, origin, tmp_path):
    steps = "space directions: (1,0,0,0) (0,2,0,0) (0,0,3,0) (0,0,0,1)"
    fields = (f"space: {space}", steps, "space origin: (10,20,30,0)")
    volume = read_volume(nrrd(tmp_path / "t.nrrd", *fields, sizes="2 3 4 2"), time=2)
    assert volume.to_world((0, 0, 0)) == pytest.approx(origin)


def test_units_of_a_nrrd_without_a_space(tmp_path):
    spacings, units = "spacings: 1 2 3", 'units: "um" "um" "um"'
    volume = read_volume(nrrd(tmp_path / "a.nrrd", spacings, units))
    assert volume.spacing_mm == pytest.approx((0.003, 0.002, 0.001))
    assert [d.code for d in volume.diagnostics] == ["no-affine", "scaled-units"]


def metaimage(path, *fields):
    lines = ["ObjectType = Image", "NDims = 3", "BinaryData = True", *fields]
    lines += ["DimSize = 2 3 4", "ElementType = MET_UCHAR", "ElementDataFile = LOCAL"]
    path.write_bytes("\n".join(lines).encode() + b"\n" + bytes(24))
    return path


PLACED = (
    *("Offset = 10 20 30", "TransformMatrix = 1 0 0 0 1 0 0 0 1"),
    "ElementSpacing = 1 2 3",
)


@pytest.mark.parametrize(
    ("fields", "spacing_kji", "codes"),
    [
        (PLACED, (3, 2, 1), []),
        ((*PLACED, "AnatomicalOrientation = RAI"), (3, 2, 1), []),
        ((*PLACED, "AnatomicalOrientation = LPS"), (3, 2, 1), []),
        ((*PLACED, "AnatomicalOrientation = ???"), (3, 2, 1), []),
        ((*PLACED, "AnatomicalOrientation = LAI"), (3, 2, 1), ["orientation-conflict"]),
        ((*PLACED, "DistanceUnits = um"), (0.003, 0.002, 0.001), ["scaled-units"]),
        ((*PLACED, "DistanceUnits = cm"), (30, 20, 10), ["scaled-units"]),
        ((*PLACED, "DistanceUnits = mm"), (3, 2, 1), []),
        (("ElementSpacing = 1 2 3",), (3, 2, 1), ["no-affine"]),
        (PLACED[1:], (3, 2, 1), ["no-affine"]),
        (PLACED[:2], (1, 1, 1), ["no-pixel-spacing"]),
    ],
)
def test_what_a_metaimage_says_of_its_place(fields, spacing_kji, codes, tmp_path):
    volume = read_volume(metaimage(tmp_path / "a.mha", *fields))
    assert volume.spacing_mm == pytest.approx(spacing_kji)
    assert [d.code for d in volume.diagnostics] == codes


@pytest.mark.parametrize("suffix", [".mgz", ".mgh"])
def test_freesurfer_volumes_are_read(suffix, tmp_path):
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    path = tmp_path / f"a{suffix}"
    nibabel.save(nibabel.MGHImage(array, SCANNER), path)
    volume = read_volume(path)
    assert np.array_equal(volume.array, array.transpose())
    assert volume.array.dtype == np.int16
    assert volume.to_world((1, 1, 1)) == pytest.approx((9, 18, -27))
    assert volume.diagnostics == ()


def test_a_freesurfer_volume_of_several_times_or_without_a_place(tmp_path):
    path = tmp_path / "times.mgz"
    array = np.arange(48, dtype=np.float32).reshape(2, 3, 4, 2)
    nibabel.save(nibabel.MGHImage(array, SCANNER), path)
    assert message_of(path).startswith("repeated-positions: the file holds 2 time points")
    assert np.array_equal(read_volume(path, time=2).array.T, array[..., 1])
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[28:30] = bytes(2)
    bare = tmp_path / "bare.mgh"
    bare.write_bytes(content)
    assert "no-affine" in {d.code for d in read_volume(bare, time=1).diagnostics}
    path.write_bytes(path.read_bytes()[:-12])
    assert message_of(path, time=1).startswith("truncated-pixels: the MGH file is damaged")


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


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("a.nii.zst", "unpack it first, e.g. with unzstd"),
        ("a.nii.bz2", "unpack it first, e.g. with bunzip2"),
        ("a.nrrd.gz", "unpack it first, e.g. with gunzip"),
        ("a.mnc", "convert it first, e.g. with mnc2nii"),
        ("a.BRIK", "convert it first, e.g. with 3dAFNItoNIFTI"),
        ("a.tar.gz", "unpack it first, and give the folder or file that was in it"),
    ],
)
def test_formats_that_are_not_read_say_the_way(name, way, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"x" * 200)
    assert way in message_of(path)


def test_a_zip_or_folder_of_volume_files_says_the_way(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    path = save(folder / "one.nii", np.zeros((5, 6, 7), np.int16))
    assert message_of(folder) == (
        "not-dicom: no DICOM in it, but volume files (.nii): give one of them"
    )
    packed = tmp_path / "one.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(path, "one.nii")
    assert message_of(packed) == (
        "not-dicom: no DICOM in it, but volume files (.nii): unpack it first"
    )


@pytest.mark.parametrize(
    "last",
    ["data file: raw.bin", "data file: part%d.bin 1 4 1", "data file: LIST"],
)
def test_the_files_of_a_detached_header_are_known(last, tmp_path):
    names = ["raw.bin"] if "raw" in last else [f"part{n}.bin" for n in range(1, 5)]
    for name in names:
        (tmp_path / name).write_bytes(bytes(24 // len(names)))
    listed = "\n".join(names) + "\n" if "LIST" in last else "\n"
    path = tmp_path / "a.nhdr"
    fields = ["NRRD0004", "type: uchar", "dimension: 3", "sizes: 2 3 4", "encoding: raw"]
    path.write_text("\n".join([*fields, "space: LPS", STEPS, ORIGIN, last]) + "\n" + listed)
    assert read_volume(path).files == (path, *(tmp_path / name for name in names))


def test_the_voxels_of_a_metaimage_header_are_known(tmp_path):
    sitk.WriteImage(sitk.Image(2, 3, 4, sitk.sitkUInt8), str(tmp_path / "a.mhd"))
    assert read_volume(tmp_path / "a.mhd").files == (tmp_path / "a.mhd", tmp_path / "a.raw")


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


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((2, 3)), "a volume has 3 axes of at least 1 voxel, got (2, 3)"),
        (np.zeros((2, 3, 0)), "a volume has 3 axes of at least 1 voxel, got (2, 3, 0)"),
        (
            np.zeros((2, 3, 4), bool),
            "voxels must be integers or real numbers, got bool (convert the volume first)",
        ),
        (
            np.zeros((2, 3, 4), complex),
            "voxels must be integers or real numbers, got complex128 (convert the volume first)",
        ),
    ],
)
def test_what_is_no_volume(array, expected):
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        Volume(array, Frame.identity(3))


def test_a_volume_needs_a_frame_of_three_axes():
    with pytest.raises(InputError, match=r"^the frame must have 3 axes, got 2$"):
        Volume(np.zeros((2, 3, 4)), Frame.identity(2))


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha", "a.mgz", "plain.mha", "a.mhd"])
def test_damaged_voxels_are_never_read(name, tmp_path):
    """One byte of the checksum is another, or the end is missing: both are refused."""
    array = np.random.default_rng(4).integers(0, 99, (5, 6, 7)).astype(np.int16)
    path = tmp_path / name
    if name.endswith((".nii.gz", ".mgz")):
        kind = nibabel.Nifti1Image if name.endswith(".gz") else nibabel.MGHImage
        nibabel.save(kind(array, SCANNER), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(array), str(path), "plain" not in name)
    read_volume(path)
    held = path.with_suffix(".zraw") if name.endswith(".mhd") else path
    good = held.read_bytes()
    checksum = -2 if name.endswith((".mha", ".mhd")) else -6
    changed = bytearray(good)
    changed[checksum] ^= 0xFF
    for content in (bytes(changed), good[:-40], good[:-5]):
        if content == changed and "plain" in name:
            continue  # plain voxels have no checksum
        held.write_bytes(content)
        assert "\n" not in message_of(path)
        with pytest.raises(InputError):
            read_segmentation(path)
    if held != path:
        held.unlink()
        assert message_of(path).startswith("truncated-pixels: ")


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
