from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from importlib import metadata

import nrrd
import numpy as np
import pytest

from sam_common.errors import OutputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_med.files.read import read_volume
from sam_med.geometry.slice_box import SliceBox
from sam_med.objects import calibration_facts
from sam_med.prompts.object_prompt import ObjectPrompt
from sam_med.run.segment import segment_volume
from sam_med.run.segmentation import describe, fingerprint, label_rows, provenance, versions


def test_the_manifest_tells_what_was_done(data):
    path = data / "med/volumes/mr_brain1/brain1_image.nrrd"
    volume = read_volume(path, modality="MR")
    boxes = [
        ObjectPrompt.from_ijk("lesion", 1, (162, 84, 11, 208, 153, 17)),
        ObjectPrompt.from_ijk("other", 2, (162, 84, 11, 190, 120, 12)),
    ]
    run = segment_volume(volume, boxes, FakeSegmenter(), method="litemedsam")
    report = describe(run)
    assert report["input"]["sha256"] == (
        next(
            line.split("|")[3].strip()
            for line in (data / "MANIFEST.md").read_text().splitlines()
            if line.startswith("| med/volumes/mr_brain1/brain1_image.nrrd ")
        )
    )
    assert report["model"] == {
        "name": "fake",
        "sha256": "0" * 64,
        "engine": "none",
        "precision": "exact",
        "device": "cpu",
    }
    assert report["encoder_calls"] == 7
    lesion, other = report["labels"]
    assert lesion["prompt_ijk"] == [162, 84, 11, 208, 153, 17]
    assert lesion["voxels_in_label_map"] == int((run.labels.array == 1).sum())
    # 0.78125 x 0.78125 x 6.5 mm
    assert lesion["volume_ml"] == pytest.approx(lesion["voxels"] * 0.78125**2 * 6.5 / 1000)
    assert other["voxels_in_label_map"] == 0
    assert lesion["voxels"] == lesion["voxels_in_label_map"]
    assert report["prompts"]["objects"][0]["label"] == "lesion"
    assert report["intensities"]["modality"] == "MR"
    assert str(path) not in repr(report)
    assert path.name not in repr(report)


def test_the_fingerprint_of_a_series_goes_by_order_not_by_name(data, tmp_path):
    files = read_volume(data / "med/dicom/ct_small_rotated/series").files
    copies = []
    for n, path in enumerate(files):
        copies.append(tmp_path / f"{n * 7 % 17}.dcm")
        copies[-1].write_bytes(path.read_bytes())
    assert fingerprint(copies) == fingerprint(files)
    assert fingerprint(copies[::-1]) != fingerprint(files)
    assert fingerprint(()) is None


def test_a_run_is_saved_with_its_manifest(phantom, tmp_path):
    run = segment_volume(
        phantom, [ObjectPrompt.from_ijk("a", 1, (9, 9, 1, 30, 30, 3))], FakeSegmenter()
    )
    report = run.save(tmp_path / "a.nrrd")
    assert report["outputs"] == [str(tmp_path / "a.nrrd")]
    written = json.loads((tmp_path / "a.job.json").read_text())
    assert written == {name: value for name, value in report.items() if name != "outputs"}
    labels, _ = nrrd.read(str(tmp_path / "a.nrrd"))
    assert np.array_equal(labels.T, run.labels.array)
    with pytest.raises(OutputError, match=r"^output exists: .*a\.nrrd \(give --overwrite"):
        run.save(tmp_path / "a.nrrd")
    several = run.save(tmp_path / "b", ["nifti", "seg.nrrd"])
    assert [path[len(str(tmp_path)) :] for path in several["outputs"]] == [
        "/b.nii.gz",
        "/b.seg.nrrd",
    ]


@pytest.fixture
def run(phantom):
    """Two objects of which the second covers a part of the first, and one that is not found."""
    boxes = [
        ObjectPrompt.from_ijk("liver", 1, (10, 10, 1, 29, 29, 3)),
        ObjectPrompt.from_ijk("spot", 5, (10, 10, 1, 29, 19, 3)),
    ]
    found = segment_volume(phantom, boxes, FakeSegmenter(), method="planes")
    return dataclasses.replace(found, segments=found.segments, seconds=1.23456)


def test_rows_of_objects_count_what_was_found_and_what_the_label_map_holds(run, phantom):
    liver, spot = label_rows(run)
    assert (liver["label"], liver["value"], liver["status"]) == ("liver", 1, "ok")
    assert (liver["voxels"], spot["voxels"]) == (20 * 20 * 3, 20 * 10 * 3)
    assert (liver["voxels_in_label_map"], spot["voxels_in_label_map"]) == (1200, 0)
    # 0.5 x 0.5 x 2 mm
    assert liver["volume_ml"] == pytest.approx(1200 * 0.5 / 1000)
    assert liver["prompt_ijk"] == [10, 10, 1, 29, 29, 3]
    assert (liver["code"], liver["meaning"]) == (None, None)
    assert 0 <= liver["confidence"] <= 1
    dark = FakeSegmenter(empty_below=255)
    nothing = segment_volume(phantom, run.prompts[:1], dark, method="litemedsam")
    (row,) = label_rows(nothing)
    assert (row["status"], row["voxels"], row["volume_ml"]) == ("empty", 0, 0)


def test_the_manifest_of_a_volume_in_memory_names_no_file(run):
    report = describe(run)
    assert (report["input"]["sha256"], report["input"]["files"]) == (None, 0)
    assert report["seconds"] == 1.235
    assert report["intensities"]["padding"] == []
    assert report["versions"] == versions()
    assert json.loads(json.dumps(report)) == report


def test_a_header_says_what_the_manifest_says(run):
    made_by, report = provenance(run), describe(run)
    assert made_by.version == report["versions"]["sam-geomed"]
    assert (made_by.model, made_by.model_sha256) == ("fake", report["model"]["sha256"])
    assert made_by.method == report["method"] == "planes"
    assert made_by.prompts_sha256 == report["prompts"]["sha256"]


def test_versions_of_what_is_not_installed(monkeypatch):
    def version(name):
        if name == "torch":
            raise metadata.PackageNotFoundError(name)
        return f"{name} 1"

    monkeypatch.setattr(metadata, "version", version)
    found = versions()
    assert (found["torch"], found["numpy"]) == ("not installed", "numpy 1")
    assert found["python"] == platform.python_version()


def test_the_fingerprint_of_one_file_is_its_own_hash(tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"two")
    one, two = (hashlib.sha256(text).hexdigest() for text in (b"one", b"two"))
    assert fingerprint([tmp_path / "a"]) == one
    both = hashlib.sha256(f"{one}{two}".encode()).hexdigest()
    assert fingerprint([tmp_path / "a", tmp_path / "b"]) == both


def test_bounds_of_the_dice_are_those_of_what_was_measured(phantom, monkeypatch):
    """By the network that was measured, in a 3-D box, in a modality with enough volumes."""
    monkeypatch.setattr(calibration_facts, "VOLUMES", {"CT": 7, "PT": 1})
    monkeypatch.setattr(calibration_facts, "OBJECTS", ((0.0, 0.1), (0.3, 0.7)))
    monkeypatch.setattr(calibration_facts, "SLICES", ((0.0, 0.0), (0.7, 0.6)))
    volume = dataclasses.replace(phantom, modality="CT")
    box = ObjectPrompt.from_ijk("liver", 1, (10, 10, 1, 29, 29, 3))
    measured = FakeSegmenter(name=calibration_facts.MODEL)
    report = describe(segment_volume(volume, [box], measured))
    (row,) = report["labels"]
    assert report["calibration"] == (
        "bounds hold with 90 % for objects in tight 3-D boxes, measured on 7 volumes of CT"
    )
    assert (row["at_least"], row["slices_to_check"], row["rest_at_least"]) == (0.7, 0, 0.6)
    assert row["doubtful_slice"]["k"] in {1, 2, 3}
    drawn = ObjectPrompt("liver", 1, slice_boxes=(SliceBox.from_ijk(0, 2, (10, 10, 29, 29)),))
    others = (
        segment_volume(volume, [drawn], measured),
        segment_volume(volume, [box], FakeSegmenter()),
        segment_volume(volume, [box], measured, method="litemedsam"),
        segment_volume(dataclasses.replace(phantom, modality="PT"), [box], measured),
    )
    for run in others:
        (row,) = label_rows(run)
        assert (row["at_least"], row["rest_at_least"]) == (None, None)
    assert all("not enough evidence" in describe(run)["calibration"] for run in others[1:])
