from __future__ import annotations

import json
import os
import re
import time

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  # the name its manual uses
from numpy.testing import assert_allclose

from sam_common.errors import OutputError
from sam_med import frame as frames
from sam_med import grid_files, sink
from sam_med.labels import Label, LabelMap
from sam_med.source import read_volume

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
    sink.write_labels(labels, volume, tmp_path / "out.nii.gz")
    check_nifti(tmp_path / "out.nii.gz", volume, labels)


def test_results_of_dicom_lie_on_their_source(series, tmp_path):
    volume = read_volume(series / "series")
    labels = labels_for(volume)
    sink.write_labels(labels, volume, tmp_path / "out.nii.gz")
    check_nifti(tmp_path / "out.nii.gz", volume, labels)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_reads_back_the_same(suffix, data, tmp_path):
    volume = read_volume(data / "med/volumes/mr_spine_oblique/t2w.nii.gz")
    labels = labels_for(volume)
    path = tmp_path / f"out{suffix}"
    sink.write_labels(labels, volume, path)
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
    sink.write_labels(labels, phantom, first)
    # a time stamp in the file would differ by now
    os.utime(first, (time.time() + 5, time.time() + 5))
    wait_for_the_next_second()
    sink.write_labels(labels, phantom, second)
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
    sink.write_labels(labels_for(phantom), phantom, tmp_path / "out.nii.gz")
    written = nibabel.load(tmp_path / "out.nii.gz").header
    assert (int(written["sform_code"]), int(written["qform_code"])) == (code, code)


@pytest.mark.parametrize(
    ("name", "manifest"),
    [("a.b.nii.gz", "a.b.job.json"), ("A.NII.GZ", "A.job.json"), ("x.mha", "x.job.json")],
)
def test_the_manifest_lies_beside(name, manifest, tmp_path):
    assert sink.manifest_path(tmp_path / name) == tmp_path / manifest


def test_the_manifest_is_json(tmp_path):
    sink.write_manifest({"a": 1}, tmp_path / "out.nii")
    assert json.loads((tmp_path / "out.job.json").read_text()) == {"a": 1}


@pytest.mark.parametrize("name", ["out.png", "out", "out.seg.nrrd", "out.nii.gz.txt"])
def test_unknown_formats(name, tmp_path):
    expected = f"unknown format for a label map: {name} (known: .nii.gz, .nii, .nrrd, .mha)"
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        sink.check_target(tmp_path / name, overwrite=True)


def test_existing_outputs_are_kept(tmp_path):
    path = tmp_path / "out.nii.gz"
    sink.check_target(path, overwrite=False)
    manifest = tmp_path / "out.job.json"
    manifest.write_text("{}")
    expected = f"output exists: {manifest} (give --overwrite to replace it)"
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        sink.check_target(path, overwrite=False)
    sink.check_target(path, overwrite=True)
    path.write_text("")
    expected = f"output exists: {path} (give --overwrite to replace it)"
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        sink.check_target(path, overwrite=False)


def test_a_failed_write_leaves_nothing(phantom, tmp_path, monkeypatch):
    path = tmp_path / "out.nii.gz"
    path.write_text("what was there")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(grid_files, "_write_nifti", fail)
    expected = f"cannot write {path}: [Errno 28] No space left on device"
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        sink.write_labels(labels_for(phantom), phantom, path)
    assert [found.name for found in tmp_path.iterdir()] == ["out.nii.gz"]
    assert path.read_text() == "what was there"
