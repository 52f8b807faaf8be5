from __future__ import annotations

import json
from contextlib import contextmanager

import nibabel
import numpy as np
import pytest

from sam_common.errors import CapabilityError, OutputError, PromptError
from sam_common.segmenter.fake import FakeSegmenter
from sam_med.prompts.flags import PromptFlags
from sam_med.run.request import OutputRequest, PromptSources, ReadOptions
from sam_med.run.run_case import run_case


class Events:
    """Hears a case, and gives its network."""

    def __init__(self):
        self.told = []
        self.segmenter = FakeSegmenter()

    def load(self):
        self.told.append("load")
        return self.segmenter

    def note(self, message):
        self.told.append(message)

    @contextmanager
    def progress(self, what, total):
        steps = []
        yield steps.append
        self.told.append((what, sum(steps) == total))


@pytest.fixture
def source(tmp_path):
    """A CT of 12 x 20 x 16 voxels (i, j, k), with a note of its own."""
    array = np.random.default_rng(2).integers(-200, 300, (12, 20, 16)).astype(np.int16)
    path = tmp_path / "in.nii.gz"
    nibabel.save(nibabel.Nifti1Image(array, np.diag([-1.0, -1, 2, 1])), path)
    return path


@pytest.fixture
def case(source, tmp_path):
    """Runs the source; gives what was heard and the manifest."""

    def run(sources=None, *, method="planes", options=None, **wanted):
        events = Events()
        report = run_case(
            source,
            sources or boxes("2,3,4,8,9,10"),
            OutputRequest(tmp_path / wanted.pop("name", "o.nii.gz"), **wanted),
            events.load,
            options=options or ReadOptions(modality="CT"),
            method=method,
            listener=events,
        )
        return events.told, report

    return run


def boxes(*texts, **more):
    return PromptSources(PromptFlags(boxes={"ijk": texts, "LPS": (), "RAS": ()}), **more)


def test_the_network_is_loaded_when_all_else_is_known(case, tmp_path):
    told, report = case(boxes("1,3,4,4,9,10", "8,3,4,15,9,10"))
    note, shades, load, progress = told[-4:]
    assert note == "note: box of label object_2 is cut to the volume: ijk 8,3,4,11,9,10"
    assert shades.startswith("modality CT, intensities: soft")
    assert (load, progress) == ("load", ("slices", True))
    assert report["outputs"] == [str(tmp_path / "o.nii.gz")]
    manifest = json.loads((tmp_path / "o.job.json").read_text())
    assert manifest == {name: value for name, value in report.items() if name != "outputs"}


def test_values_of_options_go_on_where_those_of_the_file_end(case, tmp_path):
    prompts = tmp_path / "p.json"
    box = [2, 3, 4, 8, 9, 10]
    about = {"format": "sam-med-prompts", "version": 1, "space": "ijk"}
    about["objects"] = [{"label": "liver", "value": 7, "box": box}]
    prompts.write_text(json.dumps(about))
    _, report = case(boxes("1,1,1,5,5,5", file=prompts))
    rows = [(row["label"], row["value"], row["code"]) for row in report["labels"]]
    assert rows == [("liver", 7, "10200004"), ("object_1", 8, None)]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (PromptSources(), "give at least one box, box on a slice or point"),
        (
            boxes("2,3,4,8,9,10", use="mask"),
            "--labels-as mask and --label-names go with a label map as --prompts",
        ),
    ],
)
def test_prompts_that_are_none(case, sources, expected, tmp_path):
    with pytest.raises(PromptError) as caught:
        case(sources)
    assert str(caught.value) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["in.nii.gz"]


def test_an_output_in_place_of_a_file_that_is_read(case, source):
    before = source.read_bytes()
    with pytest.raises(OutputError, match=r"^the output is an input"):
        case(name="in.nii.gz", overwrite=True)
    assert source.read_bytes() == before


def test_all_files_that_are_wanted_are_written(case, tmp_path):
    _, report = case(
        name="out",
        formats=("nifti", "nrrd"),
        overlay=tmp_path / "o.png",
        review=tmp_path / "r.csv",
        report=tmp_path / "r.html",
    )
    assert [path[len(str(tmp_path)) + 1 :] for path in report["outputs"]] == [
        "out.nii.gz",
        "out.nrrd",
    ]
    assert (tmp_path / "o.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "r.csv").read_text().count("\n") == 1 + 7
    html = (tmp_path / "r.html").read_text()
    assert "1 found" in html
    assert str(tmp_path) not in html


@pytest.mark.parametrize(
    ("name", "expected"),
    [("r.pdf", "the report is a page, so give an .html"), ("o.nii.gz", "the report is a page")],
)
def test_a_report_that_cannot_be_written_is_told_before_the_work(case, tmp_path, name, expected):
    with pytest.raises(OutputError, match=expected):
        case(name="o.nii.gz", report=tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["in.nii.gz"]


@pytest.mark.parametrize("method", ["planes", "litemedsam"])
def test_embeddings_outlive_a_run_of_three_planes_only(case, method, monkeypatch, tmp_path):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))
    told, _ = case(method=method, keep_embeddings=True)
    kept = list((tmp_path / "cache").rglob("*.safetensors"))
    assert bool(kept) is (method == "planes")
    loop = "note: method litemedsam keeps no embeddings"
    assert (loop in told) is (method == "litemedsam")


def test_an_object_that_is_not_found_is_told(source, tmp_path):
    events = Events()
    events.segmenter = FakeSegmenter(empty_below=255)
    run_case(
        source,
        boxes("2,3,4,8,9,10"),
        OutputRequest(tmp_path / "o.nii.gz"),
        events.load,
        options=ReadOptions(width=400, level=40),
        method="planes",
        listener=events,
    )
    assert "warning: nothing was found for label object_1" in events.told


@pytest.mark.parametrize(
    ("point", "method", "model"),
    [("5,5,5", "litemedsam", ""), ("5,5,5", "planes", "lite_medsam")],
)
def test_prompts_for_another_method_or_network_are_refused_before_it_is_loaded(
    point, method, model, source, tmp_path
):
    events = Events()
    flags = PromptFlags(points={"ijk": (point,), "LPS": (), "RAS": ()})
    with pytest.raises((PromptError, CapabilityError)):
        run_case(
            source,
            PromptSources(flags),
            OutputRequest(tmp_path / "o.nii.gz", model=model),
            events.load,
            options=ReadOptions(modality="CT"),
            method=method,
            listener=events,
        )
    assert "load" not in events.told
