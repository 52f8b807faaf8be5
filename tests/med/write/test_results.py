from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time

import dicom_volumes
import nibabel
import nrrd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from numpy.testing import assert_allclose
from segment_phantoms import MADE_BY, flat, overlapping

from sam_common.errors import OutputError
from sam_common.support.held_outputs import held
from sam_med.files import grid_files
from sam_med.files.read import read_volume
from sam_med.geometry import frame as frames
from sam_med.objects.labels import Label, LabelMap
from sam_med.write import results
from sam_med.write.output_paths import FORMATS, check_targets

SUFFIXES = [".nii.gz", ".nii", ".nrrd", ".mha"]


def labels_for(volume):
    """Every voxel its own pattern, so that a flip or a shift cannot hide."""
    rng = np.random.default_rng(5)
    array = rng.integers(0, 4, volume.shape).astype(np.uint8)
    return LabelMap(array, (Label("a", 1, 0, 0),))


def check_nifti(path, volume, labels):
    """Against nibabel; NIfTI holds its affine in float32."""
    oracle = nibabel.load(path)
    expected = frames.to_ras_affine(volume.frame)
    for affine, code in (oracle.get_sform(coded=True), oracle.get_qform(coded=True)):
        assert code > 0
        assert_allclose(affine, expected, rtol=6e-8, atol=1e-6)
    assert np.array_equal(np.asarray(oracle.dataobj).T, labels.array)
    assert oracle.header.get_xyzt_units()[0] == "mm"


def test_results_lie_on_their_source(real, tmp_path):
    volume = read_volume(real.path)
    labels = labels_for(volume)
    results.write_labels(labels, volume, tmp_path / "out.nii.gz")
    check_nifti(tmp_path / "out.nii.gz", volume, labels)


def test_results_of_dicom_lie_on_their_source(series, tmp_path):
    volume = read_volume(series / "series")
    labels = labels_for(volume)
    results.write_labels(labels, volume, tmp_path / "out.nii.gz")
    check_nifti(tmp_path / "out.nii.gz", volume, labels)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_reads_back_the_same(suffix, data, tmp_path):
    volume = read_volume(data / "med/volumes/mr_spine_oblique/t2w.nii.gz")
    labels = labels_for(volume)
    path = tmp_path / f"out{suffix}"
    results.write_labels(labels, volume, path)
    image = sitk.ReadImage(str(path))
    source = sitk.ReadImage(str(volume.source))
    assert np.array_equal(sitk.GetArrayFromImage(image), labels.array)
    assert_allclose(image.GetOrigin(), source.GetOrigin(), atol=1e-6)
    assert_allclose(image.GetSpacing(), source.GetSpacing(), atol=1e-6)
    assert_allclose(image.GetDirection(), source.GetDirection(), atol=1e-6)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_labels_give_the_same_bytes(suffix, phantom, tmp_path):
    labels = labels_for(phantom)
    first, second = tmp_path / f"first{suffix}", tmp_path / "b" / f"second{suffix}"
    second.parent.mkdir()
    results.write_labels(labels, phantom, first)
    # a time stamp in the file would differ by now
    os.utime(first, (time.time() + 5, time.time() + 5))
    wait_for_the_next_second()
    results.write_labels(labels, phantom, second)
    assert first.read_bytes() == second.read_bytes()


def wait_for_the_next_second():
    started = int(time.time())
    while int(time.time()) == started:
        pass


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, 1),
        ({"sform_code": "4", "qform_code": "1"}, 4),
        ({"sform_code": "0", "qform_code": "2"}, 2),
    ],
)
def test_the_space_of_the_source_is_kept(header, code, phantom, tmp_path):
    object.__setattr__(phantom, "header", header)
    results.write_labels(labels_for(phantom), phantom, tmp_path / "out.nii.gz")
    written = nibabel.load(tmp_path / "out.nii.gz").header
    assert (int(written["sform_code"]), int(written["qform_code"])) == (code, code)


def test_the_manifest_is_json(tmp_path):
    results.write_manifest({"a": 1}, tmp_path / "out.job.json")
    assert json.loads((tmp_path / "out.job.json").read_text()) == {"a": 1}


@pytest.mark.parametrize("name", ["out.png", "out", "out.nii.gz.txt"])
def test_unknown_formats(name, tmp_path):
    expected = f"unknown format for a segmentation: {name} (known suffixes: .seg.nrrd, "
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}"):
        check_targets(tmp_path / name, overwrite=True)
    expected = f"unknown format for a volume: {name} (known: .nii.gz, .nii, .nrrd, .mha)"
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        results.write_labels(LabelMap(np.zeros((1, 1, 1), np.uint8), ()), None, tmp_path / name)


def test_a_failed_write_leaves_nothing(phantom, tmp_path, monkeypatch):
    path = tmp_path / "out.nii.gz"
    path.write_text("what was there")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(grid_files, "_write_nifti", fail)
    expected = f"cannot write {path}: No space left on device (make room on the disk of {tmp_path})"
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        results.write_labels(labels_for(phantom), phantom, path)
    assert [found.name for found in tmp_path.iterdir()] == ["out.nii.gz"]
    assert path.read_text() == "what was there"


def test_all_formats_at_once(data, tmp_path):
    volume = dicom_volumes.build("ct_small_rotated", data)
    # single voxels would have an outline each
    first, second = segments = overlapping(volume.shape, patch=8)
    targets = check_targets(tmp_path / "a.b", list(FORMATS), overwrite=False, volume=volume)
    written = results.write_outputs(segments, volume, tmp_path / "a.b", list(FORMATS), MADE_BY)
    assert written.paths == tuple(targets.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.b.mha",
        "a.b.nii.gz",
        "a.b.npz",
        "a.b.nrrd",
        "a.b.rtstruct.dcm",
        "a.b.seg.dcm",
        "a.b.seg.nrrd",
        "a.b.sr.dcm",
    ]
    expected = np.where(first.mask, 9, np.where(second.mask, 2, 0))
    for name in ("a.b.mha", "a.b.nii.gz", "a.b.nrrd"):
        image = sitk.ReadImage(str(tmp_path / name))
        assert np.array_equal(sitk.GetArrayFromImage(image), expected)
        assert_allclose(image.GetOrigin(), volume.to_world([0, 0, 0]), atol=1e-4)
    with np.load(tmp_path / "a.b.npz") as found:
        assert np.array_equal(found["segs"], expected)
        assert_allclose(found["spacing"], volume.spacing_mm[::-1])
        assert dict(zip(found["names"], found["values"], strict=True)) == {"liver": 9, "cyst": 2}
    layers, _ = nrrd.read(str(tmp_path / "a.b.seg.nrrd"), index_order="C")
    assert np.array_equal(layers[..., 0] == 9, first.mask)
    assert np.array_equal(layers[..., 1] == 2, second.mask)
    shared = (first.mask & second.mask).sum()
    (note,) = written.notes
    assert note == (
        f"label maps hold one object a voxel: {shared} of {second.voxels} voxels of cyst went to "
        "other objects (seg.nrrd and binary dicom_seg keep both)"
    )


def test_uneven_slices_are_said(data, tmp_path):
    volume = dicom_volumes.build("ct_head_gantry_tilt_uneven", data)
    formats = ["nifti", "seg.nrrd", "dicom_seg"]
    written = results.write_outputs(
        overlapping(volume.shape)[:1], volume, tmp_path / "out", formats, MADE_BY
    )
    uneven, sheared = written.notes
    assert uneven.startswith("the slices are unevenly spaced, and volume files hold one distance")
    assert "mean of 5.287 mm" in uneven
    assert sheared.startswith("the slices are shifted against each other by 18.50 degrees")
    affine = nibabel.load(tmp_path / "out.nii.gz").affine
    assert_allclose(affine, frames.to_ras_affine(volume.frame), rtol=6e-8, atol=1e-6)


def test_a_run_of_several_formats_replaces_all_or_nothing(phantom, tmp_path):
    for name in ("a.nii.gz", "a.seg.nrrd", "a.seg.dcm"):
        (tmp_path / name).write_text("what was there")
    segments = overlapping(phantom.shape)
    formats = ("nifti", "seg.nrrd", "dicom_seg")
    # the phantom is no DICOM, which the third of the formats finds out
    with pytest.raises(OutputError, match="cannot write DICOM SEG"):
        results.write_outputs(segments, phantom, tmp_path / "a", formats, MADE_BY)
    assert {p.read_text() for p in tmp_path.iterdir()} == {"what was there"}
    assert len(list(tmp_path.iterdir())) == 3
    written = results.write_outputs(segments, phantom, tmp_path / "a", formats[:2], MADE_BY)
    assert all(path.stat().st_size > 100 for path in written.paths)


def test_one_job_at_a_time_writes_an_output(phantom, tmp_path):
    segments = overlapping(phantom.shape)
    path = tmp_path / "a.nii.gz"
    code = (
        "import sys, pathlib\nfrom sam_common.support.held_outputs import held\n"
        "with held([pathlib.Path(sys.argv[1])]):\n    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "A.nii.gz")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(OutputError, match=f"^another job writes {re.escape(str(path))}: wait"):
            results.write_outputs(segments, phantom, path, (), MADE_BY)
    assert other.returncode == 0
    assert list(tmp_path.iterdir()) == []
    with held([path]):
        results.write_outputs(segments, phantom, path, (), MADE_BY)
    assert [p.name for p in tmp_path.iterdir()] == ["a.nii.gz"]


def test_the_same_segments_give_the_same_bytes(phantom, tmp_path):
    for name in ("a.npz", "b.npz"):
        results.write_outputs(overlapping(phantom.shape), phantom, tmp_path / name, (), MADE_BY)
        wait_for_the_next_second()
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_label_map_and_its_measurements_in_one_run(data, tmp_path):
    volume = dicom_volumes.build("ct_small_rotated", data)
    segments = [flat("liver", 300, 2, 3), flat("cyst", 7, 3, 4)]
    formats = ["dicom_sr", "dicom_seg"]
    written = results.write_outputs(
        segments, volume, tmp_path / "out", formats, MADE_BY, seg_type="labelmap"
    )
    assert [path.name for path in written.paths] == ["out.sr.dcm", "out.seg.dcm"]
    assert any("went to other objects" in note for note in written.notes)
    seg, report = (pydicom.dcmread(tmp_path / f"out.{name}.dcm") for name in ("seg", "sr"))
    assert (seg.SegmentationType, seg.BitsAllocated) == ("LABELMAP", 16)
    referenced = [
        item.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]
    assert seg.SOPInstanceUID in referenced
    assert len(referenced) == 1 + len(volume.files)
