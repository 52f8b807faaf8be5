"""Whatever is written is read again; what the disk lost is an error, and nothing stays."""

from __future__ import annotations

import dataclasses
import os
import re

import numpy as np
import pytest

from sam_common.errors import DiskError, OutputError
from sam_common.frame import Frame
from sam_common.support import files
from sam_common.window import Window
from sam_med.files.grid_check import check_grid
from sam_med.files.grid_files import write_grid
from sam_med.files.read import read_volume
from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume
from sam_med.objects.labels import paint
from sam_med.objects.provenance import Provenance
from sam_med.objects.segments import Segment, SliceConfidence
from sam_med.prompts.files import write_prompts
from sam_med.prompts.object_prompt import ObjectPrompt
from sam_med.report.overview_picture import save_png
from sam_med.report.review import write_review
from sam_med.slices.window_level import choose_stretch
from sam_med.testing import write_series
from sam_med.write.results import write_labels, write_manifest, write_outputs

MADE_BY = Provenance("1", "model", "sha", "planes", "prompts")


@pytest.fixture
def scan(tmp_path):
    """A small series that was read from DICOM."""
    frame = frames.from_itk((5, 6, 7), (0.7, 0.8, 2.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    array = np.random.default_rng(1).integers(-50, 300, (6, 40, 48)).astype(np.int16)
    write_series(Volume(array, frame), tmp_path / "series", modality="CT")
    return read_volume(tmp_path / "series")


def objects():
    mask = np.random.default_rng(2).random((3, 20, 24)) > 0.4
    at = tuple(SliceConfidence(k, 0.5, 0.5, 0.5, 0.5, None) for k in range(1, 4))
    one = Segment("left\none", 1, Window((1, 10, 12), (4, 30, 36)), mask, slices=at)
    other = Segment("other", 2, Window((2, 12, 14), (5, 32, 38)), ~mask)
    return [one, other]


def picture():
    return np.random.default_rng(3).integers(0, 255, (60, 70, 3)).astype(np.uint8)


def segmented(volume, path):
    write_outputs(objects(), volume, path, (), MADE_BY)


WRITERS = {
    "a.nii": lambda v, p: write_grid(v.array, v.frame, p),
    "a.nii.gz": lambda v, p: write_grid(v.array, v.frame, p),
    "a.nrrd": lambda v, p: write_grid(v.array, v.frame, p),
    "a.mha": lambda v, p: write_grid(v.array, v.frame, p),
    "labels.npz": lambda v, p: write_labels(paint(v.shape, objects()), v, p),
    "a.seg.nrrd": segmented,
    "a.seg.dcm": segmented,
    "a.rtstruct.dcm": segmented,
    "a.png": lambda _, p: save_png(picture(), p),
    "review.html": lambda v, p: write_review(objects(), v, choose_stretch(v), p, overwrite=True),
    "review.csv": lambda v, p: write_review(objects(), v, choose_stretch(v), p, overwrite=True),
    "a.json": lambda _, p: write_prompts(
        [ObjectPrompt("a", 1, Window((0, 0, 0), (1, 1, 1)))], p, overwrite=True
    ),
    "a.job.json": lambda _, p: write_manifest({"a": list(range(99))}, p),
}


def cut(file):
    os.ftruncate(file, os.fstat(file).st_size - 40)


def changed(file):
    at = os.fstat(file).st_size * 2 // 3
    (value,) = os.pread(file, 1, at)
    os.pwrite(file, bytes([value ^ 0x10]), at)


def emptied(file):
    os.pwrite(file, bytes(os.fstat(file).st_size), 0)


@pytest.mark.parametrize("damage", [cut, changed, emptied])
@pytest.mark.parametrize("name", WRITERS)
def test_a_disk_that_keeps_something_else_is_noticed(name, damage, scan, tmp_path, monkeypatch):
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / name
    path.write_text("what was there")
    with monkeypatch.context() as patched:
        patched.setattr(files.os, "fsync", damage)
        with pytest.raises(OutputError) as caught:
            WRITERS[name](scan, path)
    assert "\n" not in str(caught.value)
    assert [p.name for p in folder.iterdir()] == [name]
    assert path.read_text() == "what was there"
    WRITERS[name](scan, path)
    assert path.stat().st_size > len("what was there")


def test_a_file_that_cannot_be_read_again_on_a_full_disk_is_a_full_disk(
    scan, tmp_path, monkeypatch
):
    class Full:
        free = 0

    monkeypatch.setattr(files.os, "fsync", cut)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _folder: Full)
    with pytest.raises(DiskError, match=re.escape(str(tmp_path))):
        write_grid(scan.array, scan.frame, tmp_path / "a.nii.gz")


SHEAR = np.array(
    [[0.2, -0.3, 0.7, -1e3], [0.1, 0.9, 0.02, 20], [2.5, 0.1, 0.01, 3e3], [0, 0, 0, 1]]
)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd"])
def test_sheared_grids_far_away_are_what_was_meant(suffix, tmp_path):
    array = np.random.default_rng(5).random((3, 4, 5)).astype(np.float32)
    for scale in (1.0, 0.001):
        frame = Frame.from_array(np.diag([scale, scale, scale, 1]) @ SHEAR)
        write_grid(array, frame, tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_every_difference_is_named(suffix, scan, tmp_path):
    path = tmp_path / f"a{suffix}"
    write_grid(scan.array, scan.frame, path)
    check_grid(path, scan.array, scan.frame)
    moved = Frame.from_array(scan.frame.array + np.eye(4, k=3) * 0.01)
    with pytest.raises(OutputError, match=r"up to 0\.01 mm off"):
        check_grid(path, scan.array, moved)
    other = scan.array.copy()
    other[4, 0, 0] += 1
    with pytest.raises(OutputError, match="voxels of slice 4 are others"):
        check_grid(path, other, scan.frame)
    with pytest.raises(OutputError, match=r"it holds \(48, 40, 6\) voxels of int16"):
        check_grid(path, scan.array.astype(np.uint16), scan.frame)
    with pytest.raises(OutputError, match=r"it holds \(48, 40, 6\) voxels of int16"):
        check_grid(path, scan.array[:5], scan.frame)


def test_objects_keep_their_names_or_are_not_written(scan, tmp_path, monkeypatch):
    def renamed(file):
        size = os.fstat(file).st_size
        os.pwrite(file, os.pread(file, size, 0).replace(b"_Name:=other", b"_Name:=0ther"), 0)

    monkeypatch.setattr(files.os, "fsync", renamed)
    with pytest.raises(OutputError, match="its field Segment1_Name is another one"):
        segmented(dataclasses.replace(scan), tmp_path / "a.seg.nrrd")
