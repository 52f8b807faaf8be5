from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
from PIL import Image

from sam_common.errors import OutputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_med.prompts.object_prompt import ObjectPrompt
from sam_med.run import demo


@pytest.fixture
def task(phantom):
    """A box-shaped brain; the fake segmenter finds it on the middle slice, and more beyond."""
    truth = np.zeros(phantom.shape, bool)
    truth[1:4, 100:150, 60:130] = True
    return demo.Task(phantom, truth, ObjectPrompt("brain", 1, Window((1, 100, 60), (4, 150, 130))))


def test_the_results_lie_in_the_folder(task, tmp_path):
    folder = tmp_path / "new" / "folder"
    result, score = demo.run(task, FakeSegmenter(), folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "brain.job.json",
        "brain.nii.gz",
        "brain_overlay.png",
    ]
    written = np.asarray(nibabel.load(folder / "brain.nii.gz").dataobj).T
    assert np.array_equal(written, result.labels.array)
    # 50 x 70 px on the middle slice, 3 px more on every side of the two beside it
    found, true = 50 * 70 + 2 * 56 * 76, 3 * 50 * 70
    assert score == pytest.approx(2 * true / (found + true))
    report = json.loads((folder / "brain.job.json").read_text())
    assert (report["labels"][0]["voxels"], report["encoder_calls"]) == (found, 3)
    with Image.open(folder / "brain_overlay.png") as picture:
        assert picture.mode == "RGB"


def test_a_second_demo_replaces_the_first(task, tmp_path):
    demo.run(task, FakeSegmenter(), tmp_path)
    first = (tmp_path / "brain.nii.gz").read_bytes()
    (tmp_path / "brain.nii.gz").write_text("spoilt")
    demo.run(task, FakeSegmenter(), tmp_path)
    assert (tmp_path / "brain.nii.gz").read_bytes() == first


def test_a_folder_that_cannot_be_made(task, tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file"
    with pytest.raises(OutputError, match=r"^cannot make folder .*file: File exists$"):
        demo.run(task, FakeSegmenter(), folder)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [([1, 1, 0, 0], [1, 0, 1, 0], 0.5), ([0, 0], [0, 0], 1.0), ([1, 0], [0, 1], 0.0)],
)
def test_dice(a, b, expected):
    assert demo.dice(np.array(a, bool), np.array(b, bool)) == expected


def test_the_head_and_its_box():
    """The shipped tissue maps: the box is the one of the grey and white matter."""
    task = demo.prepare(progress=False)
    assert task.volume.shape == task.truth.shape == (189, 233, 197)
    assert task.volume.modality == "MR"
    found = task.box.window
    assert task.truth[found.slices].sum() == task.truth.sum()
    for axis in range(3):
        ends = task.truth[found.slices].any(axis=tuple({0, 1, 2} - {axis}))
        assert ends[0]
        assert ends[-1]
