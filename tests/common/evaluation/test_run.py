from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sam_common.errors import InputError, OutputError
from sam_common.evaluation import run
from sam_common.evaluation.run import Evaluation, evaluate
from sam_common.segmenter.fake import FakeSegmenter


@pytest.fixture
def fake(monkeypatch):
    segmenter = FakeSegmenter()
    monkeypatch.setattr(run, "load_segmenter", lambda *_args, **_options: segmenter)
    return segmenter


@pytest.fixture
def asked(sa1b, tmp_path):
    return Evaluation(data=sa1b, output=tmp_path / "results", model="fake")


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_figures_files_and_pictures(fake, asked):
    summary = evaluate(asked)
    # a box is answered by itself: right for the block, 100 of 81 pixels for the disc
    assert summary["protocols"]["box"]["mean_iou"] == pytest.approx((1 + 81 / 81) / 2, abs=0.2)
    assert summary["protocols"]["box"]["objects"] == 4
    assert summary["images"] == 2
    assert summary == json.loads((asked.output / "summary.json").read_text())
    rows = list(csv.DictReader((asked.output / "objects.csv").read_text().splitlines()))
    assert {row["image"] for row in rows} == {"sa_1.jpg", "sa_2.jpg"}
    by_box = [float(row["iou"]) for row in rows if row["protocol"] == "box"]
    assert np.mean(by_box) == pytest.approx(summary["protocols"]["box"]["mean_iou"], abs=1e-4)
    assert len(summary["worst"]) == 4
    worst = [float(name.rpartition("-")[2].removesuffix(".png")) for name in summary["worst"]]
    assert worst == sorted(worst)
    assert worst[0] == pytest.approx(min(by_box), abs=0.01)
    for name in summary["worst"]:
        with Image.open(asked.output / name) as picture:
            picture.verify()
    assert not asked.parts.exists()
    assert len(fake.embedded) == 2


def test_an_interrupted_run_goes_on_to_the_same_bytes(fake, asked, tmp_path, monkeypatch):
    evaluate(asked)
    whole = files_of(asked.output)
    other = replace(asked, output=tmp_path / "other")
    read = run._read

    def interrupted(image):
        if image.name == "sa_2.jpg":
            raise KeyboardInterrupt
        return read(image)

    monkeypatch.setattr(run, "_read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(other)
    monkeypatch.setattr(run, "_read", read)
    with pytest.raises(OutputError, match="unfinished job"):
        evaluate(other)
    fake.embedded.clear()
    evaluate(replace(other, resume=True))
    assert len(fake.embedded) == 1
    assert files_of(other.output) == whole
    with pytest.raises(InputError, match="protocols"):
        _unfinished_of_another_plan(other, monkeypatch, interrupted, read)


def _unfinished_of_another_plan(asked, monkeypatch, interrupted, read):
    again = replace(asked, overwrite=True)
    monkeypatch.setattr(run, "_read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(again)
    monkeypatch.setattr(run, "_read", read)
    evaluate(replace(again, resume=True, protocols=("box",)))


def test_an_image_that_cannot_be_read_is_told_and_tried_again(fake, asked, sa1b):
    whole = (sa1b / "sa_2.jpg").read_bytes()
    (sa1b / "sa_2.jpg").write_bytes(whole[: len(whole) // 40].ljust(len(whole), b"\0"))
    summary = evaluate(asked)
    assert list(summary["failures"]) == ["sa_2.jpg"]
    assert summary["images"] == 1
    assert asked.parts.exists()
    (sa1b / "sa_2.jpg").write_bytes(whole)
    again = evaluate(replace(asked, resume=True))
    assert again["failures"] == {}
    assert again["images"] == 2
    assert not asked.parts.exists()


def test_results_are_not_replaced_unasked(fake, asked, tmp_path):
    evaluate(asked)
    with pytest.raises(OutputError, match="--overwrite"):
        evaluate(asked)
    evaluate(replace(asked, overwrite=True))
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("x")
    with pytest.raises(OutputError, match="holds something else"):
        evaluate(replace(asked, output=other, overwrite=True))
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is no folder"):
        evaluate(replace(asked, output=tmp_path / "file"))


def test_fewer_images_and_no_objects(fake, asked, sa1b):
    assert evaluate(replace(asked, most_images=1))["images"] == 1
    for n in (1, 2):
        (sa1b / f"sa_{n}.json").write_text('{"annotations": []}')
    with pytest.raises(InputError, match="gave no objects to ask for: no image has one"):
        evaluate(replace(asked, overwrite=True))


@pytest.mark.parametrize("wrong", [{"most_images": 0}, {"pictures": -1}])
def test_options_out_of_range(asked, wrong):
    with pytest.raises(InputError, match=r"must be at least"):
        replace(asked, **wrong)
