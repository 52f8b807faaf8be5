"""The demo of the medical side: Dice against known organs, doubtful slices first, and the page."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import nibabel
import numpy as np
import pydicom
import pytest
from pages import Page
from PIL import Image

from sam_common.demo.record import read_parts, write_part
from sam_common.errors import OutputError
from sam_common.frame import Frame
from sam_common.segmenter.fake import FakeSegmenter
from sam_med.demo import run as demo
from sam_med.demo.cases import CASES
from sam_med.objects.calibration import calibration_of
from sam_med.segmentations.read import read_segmentation


@contextmanager
def silent(_what, _total):
    yield lambda _done: None


@pytest.fixture
def done(task, tmp_path):
    part, figures = demo.run_task(task, FakeSegmenter(), tmp_path, seconds={"read": 1.0})
    return part, figures, tmp_path


def test_dice_is_that_of_the_voxels(done):
    part, figures, folder = done
    written = np.asarray(nibabel.load(folder / "o.nii.gz").dataobj).T
    # the liver: 50 x 70 px on the middle slice, 3 px more on every side of the two beside it
    found, true = 50 * 70 + 2 * 56 * 76, 3 * 50 * 70
    assert np.count_nonzero(written == 1) == found
    assert figures["dice"]["liver"] == pytest.approx(2 * true / (found + true), abs=5e-4)
    assert [row[:2] for row in part.table.rows] == [
        (name, f"{score:.3f}") for name, score in figures["dice"].items()
    ]
    mean = np.mean(list(figures["dice"].values()))
    assert float(part.figures[0].value) == pytest.approx(mean, abs=1.1e-3)


def test_every_file_that_is_named_is_there(done):
    part, _, folder = done
    assert {name for name in part.files if not (folder / name).is_file()} == set()
    assert {path.name for path in folder.iterdir()} == set(part.files)
    assert list(part.seconds) == ["read", "segment", "write, and read again", "draw"]
    assert part.facts == {"labelled voxels in the body": "99 %"}


def test_the_most_doubtful_slices_come_first(done):
    part, _, folder = done
    told = [float(one.caption.split("confidence ")[1][:4]) for one in part.gallery]
    assert told == sorted(told)
    assert len(told) == min(demo.DOUBTS, 3 + 5)
    assert part.gallery[0].caption.startswith("1. ")
    with Image.open(folder / part.gallery[0].file) as picture:
        assert picture.size == (part.gallery[0].width, part.gallery[0].height)


def test_pictures_with_and_without_outlines(done):
    part, _, folder = done
    assert [one.file for one in part.pictures] == ["kidney_axial.jpg"]
    for picture in part.pictures:
        drawn, plain = (
            np.asarray(Image.open(folder / name)).astype(int)
            for name in (picture.file, picture.plain)
        )
        assert drawn.shape == plain.shape
        changed = (np.abs(drawn - plain) > 60).any(axis=2)
        assert 0 < changed.mean() < 0.12, "thin lines and a key, and nothing else"


def test_a_tall_scan_is_shown_across_its_slices_too(task, tmp_path):
    tall = replace(task, volume=replace(task.volume, frame=tall_frame(task.volume)))
    part, _ = demo.run_task(tall, FakeSegmenter(), tmp_path, seconds={})
    assert [one.file for one in part.pictures] == ["kidney_axial.jpg", "kidney_coronal.jpg"]


def test_an_organ_is_followed_by_the_method_of_its_case(task, tmp_path):
    """The default method has a bound of the Dice, the loop has none."""
    network = FakeSegmenter(name="lite_medsam")
    bounds = {}
    for method in ("litemedsam", "planes"):
        one = replace(task, case=replace(task.case, method=method))
        part, _ = demo.run_task(one, network, tmp_path, seconds={})
        assert json.loads((tmp_path / "o.job.json").read_text())["method"] == method
        bounds[method] = [row[5:] for row in part.table.rows]
        assert ("--method litemedsam" in part.commands[1]) == (method == "litemedsam")
        assert all(len(row) == len(part.table.columns) for row in part.table.rows)
    assert bounds["litemedsam"] == [(), ()]
    known = calibration_of("CT", "lite_medsam", "planes")
    # exact boxes on every slice: no score is higher
    assert bounds["planes"] == [(f"{known.of_object(1.0):.2f}",)] * 2


def test_one_organ_is_named_where_it_is_alone(task, tmp_path):
    alone = replace(task, truth=task.truth[:1], boxes=task.boxes[:1])
    both, part = (
        demo.run_task(one, FakeSegmenter(), tmp_path, seconds={})[0] for one in (task, alone)
    )
    assert both.text[0].startswith("One box around each of 2 organs is all that is given")
    assert part.text[0].startswith("One box around the liver is all that is given")
    assert [one.figures[0].name for one in (both, part)] == ["mean Dice", "Dice"]


def tall_frame(volume):
    matrix = volume.frame.array.copy()
    matrix[:3, 0] *= 15
    return Frame.from_array(matrix)


def test_a_second_demo_replaces_the_first(task, tmp_path):
    first = demo.run_task(task, FakeSegmenter(), tmp_path, seconds={})
    (tmp_path / "o.nii.gz").write_text("spoilt")
    second = demo.run_task(task, FakeSegmenter(), tmp_path, seconds={})
    assert nibabel.load(tmp_path / "o.nii.gz").shape == (256, 256, 5)
    assert first[1]["dice"] == second[1]["dice"]


def test_all_cases_and_a_page(task, tmp_path, monkeypatch):
    asked = []

    def prepare(case, *, progress):
        asked.append((case.name, progress))
        return replace(task, case=replace(task.case, name=case.name))

    monkeypatch.setattr(demo, "prepare", prepare)
    folder = tmp_path / "new" / "folder"
    loaded = []
    figures = demo.run(
        folder, lambda: loaded.append(1) or FakeSegmenter(), progress=silent, quiet=True
    )
    assert asked == [("abdomen", False), ("kidney", False)]
    assert loaded == [1], "one network for both"
    assert [part.name for part in read_parts(folder)] == ["abdomen", "kidney"]
    assert "load the network" in read_parts(folder)[0].seconds
    page = Page((folder / "index.html").read_text())
    assert [one["id"] for one in page.find("section")] == ["abdomen", "kidney", "sources"]
    assert figures["page"] == str(folder / "index.html")
    assert json.dumps(figures)
    # beside what the other side has put there
    write_part(replace(read_parts(folder)[0], name="trees"), folder)
    demo.run(folder, FakeSegmenter, progress=silent, quiet=True)
    page = Page((folder / "index.html").read_text())
    assert page.find("section")[0]["id"] == "trees"


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"^cannot make folder .*file: File exists$"):
        demo.run(tmp_path / "file", FakeSegmenter, progress=silent, quiet=True)


@pytest.mark.slow
def test_a_series_becomes_a_seg(data, tmp_path, monkeypatch):
    """The real series, with a network that gives back its boxes."""
    folder = data / "med/dicom/ct_abdomen_dicom"
    files = {"abdomen_ct_dicom": folder / "series", CASES[0].labels: folder / "organs.nii.gz"}
    monkeypatch.setattr("sam_common.published.samples.fetch", lambda name, progress: files[name])  # noqa: ARG005
    task = demo.prepare(CASES[0], progress=False)
    part, figures = demo.run_task(task, FakeSegmenter(), tmp_path, seconds={})
    assert list(figures["dice"]) == ["liver", "spleen", "stomach", "aorta"]
    assert figures["slices"] == 20
    assert set(part.files) >= {"abdomen.seg.dcm", "abdomen_review.html", "abdomen.job.json"}
    seg = pydicom.dcmread(tmp_path / "abdomen.seg.dcm")
    codes = [one.SegmentedPropertyTypeCodeSequence[0].CodeMeaning for one in seg.SegmentSequence]
    assert codes == ["Liver", "Spleen", "Stomach", "Aorta"]
    found = read_segmentation(tmp_path / "abdomen.seg.dcm").segments
    assert {one.name for one in found} == {"liver", "spleen", "stomach", "aorta"}
