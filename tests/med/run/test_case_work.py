"""A batch on workers: the same files as in one process, broken volumes named, resumable."""

from __future__ import annotations

import csv
import json
import pickle
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from clusters import Cluster, cluster
from med_program import invoke
from pages import Page

from sam_common.errors import InputError, OutputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_med.cli.segment import Terminal
from sam_med.report.study_report import MOST_PICTURES
from sam_med.run.case_list import Case
from sam_med.run.case_work import CaseWork

BOX = {
    "format": "sam-med-prompts",
    "version": 1,
    "space": "ijk",
    "objects": [{"label": "lesion", "value": 1, "box": [4, 4, 1, 9, 10, 3]}],
}
COUNT, BROKEN = 60, (17, 40)


@pytest.fixture(scope="module")
def workers():
    with cluster(workers=0) as started:
        for _ in range(2):
            # networks that these workers load are fake ones
            started.add_worker(options=["--preload", "fake_network", "--resources", "GPU=1"])
        # it would end a job that looked at it
        started.add_old_worker()
        started.client.wait_for_workers(3, timeout=60)
        yield started


def study(folder: Path) -> Path:
    """A list of small volumes, of which some are cut off."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    (folder / "p.json").write_text(json.dumps(BOX))
    rows = ["name,input,prompts,output,modality"]
    for n in range(COUNT):
        place = folder / f"v{n}.nii.gz"
        nibabel.save(
            nibabel.Nifti1Image(rng.integers(0, 200, (16, 16, 5)).astype(np.int16), np.eye(4)),
            place,
        )
        if n in BROKEN:
            place.write_bytes(place.read_bytes()[:200])
        rows.append(f"case {n},v{n}.nii.gz,p.json,o{n}.nii.gz,MR")
    (folder / "list.csv").write_text("\n".join([*rows, ""]))
    return folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "state" / "summary.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def results_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("o*.nii.gz")}


def test_two_workers_write_what_one_process_writes(
    workers: Cluster, tmp_path: Path, monkeypatch, tmp_path_factory
) -> None:
    """By --executor and --scheduler, with --resources and --metrics; --workers is for own ones."""
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(
        "sam_common.segmenter.predictor.load_segmenter", lambda _name, **_options: FakeSegmenter()
    )
    here, there = study(tmp_path / "here"), study(tmp_path / "there")
    options = ("--executor", "dask", "--scheduler", workers.address)
    options += ("--resources", "GPU=1", "--metrics", str(tmp_path / "batch.prom"))
    for folder, more in ((here, ()), (there, options)):
        page = ("--report", folder / "page.html")
        found = invoke("batch", folder / "list.csv", "-o", folder / "state", *page, *more)
        assert found.exit_code == 3, found.output
    pages = [Page((folder / "page.html").read_text()) for folder in (here, there)]
    assert [len(page.find("img")) for page in pages] == [MOST_PICTURES] * 2
    assert pages[0].section("cases") == pages[1].section("cases")
    assert pages[0].section("look") == pages[1].section("look")
    assert f"case {BROKEN[0]}: failed" in found.stderr
    assert rows_of(here) == rows_of(there)
    assert [n for n, row in enumerate(rows_of(there)) if row["status"] == "failed"] == [*BROKEN]
    assert len(results_of(here)) == COUNT - len(BROKEN)
    assert results_of(here) == results_of(there)
    counted = f'sam_answers_total{{outcome="done"}} {COUNT}.0'
    assert counted in (tmp_path / "batch.prom").read_text()
    told = json.loads((there / "state" / "executor.json").read_text())
    assert (told["kind"], sum(w["items"] for w in told["per_worker"].values())) == ("dask", COUNT)
    assert not (here / "state" / "executor.json").exists()
    # nothing of what failed is left, and what is mended is done by a later run in one process
    assert not list(there.glob(f"*o{BROKEN[0]}.*"))
    for n in BROKEN:
        (there / f"v{n}.nii.gz").write_bytes((there / f"v{n - 1}.nii.gz").read_bytes())
    again = invoke("batch", there / "list.csv", "-o", there / "state", "--resume", "--json")
    assert again.exit_code == 0, again.output
    status = [row["status"] for row in json.loads(again.stdout)]
    assert [n for n, each in enumerate(status) if each == "done"] == [*BROKEN]
    # and one that was begun here goes on there
    more = invoke("batch", here / "list.csv", "-o", here / "state", "--resume", *options)
    assert more.exit_code == 3
    assert [row["status"] for row in rows_of(here)].count("kept") == COUNT - len(BROKEN)


def test_workers_are_started_where_there_is_no_scheduler(tmp_path: Path) -> None:
    """--workers with --executor dask: a list without a readable case needs no network."""
    (tmp_path / "list.csv").write_text("name,input,output\nnone,none.nii,o.nii.gz\n")
    found = invoke(
        *("batch", tmp_path / "list.csv", "-o", tmp_path / "state"),
        *("--executor", "dask", "--workers", "2"),
    )
    assert found.exit_code == 3, found.output
    assert "none: failed no such file: the input" in found.stderr


def load_fake(_method: str) -> FakeSegmenter:
    return FakeSegmenter()


def test_a_network_is_loaded_once_and_only_for_a_case_that_needs_it(tmp_path: Path) -> None:
    folder, loads = study(tmp_path / "s"), []

    def load(method: str) -> FakeSegmenter:
        loads.append(method)
        return FakeSegmenter()

    work = CaseWork(load, Terminal(quiet=True))
    cases = [
        Case(f"{n}", folder / f"v{n}.nii.gz", folder / f"x{n}.nii.gz", folder / "p.json")
        for n in range(3)
    ]
    assert loads == []
    assert [work.segment(case) for case in cases] == [1, 1, 1]
    assert len(loads) == 1
    assert work.outputs(cases[0]) == (folder / "x0.nii.gz",)


def test_work_that_has_done_nothing_can_be_sent() -> None:
    work = CaseWork(load_fake, Terminal(quiet=True), formats=("nrrd",))
    again = pickle.loads(pickle.dumps(work))  # noqa: S301  # bytes of our own
    assert (again.formats, again.load) == (("nrrd",), load_fake)


def test_a_check_opens_no_file_and_loads_no_network(tmp_path: Path) -> None:
    scan, prompts = tmp_path / "v.nii.gz", tmp_path / "p.json"
    work = CaseWork(load_nothing, Terminal(quiet=True))
    case = Case("one", scan, tmp_path / "x.nii.gz", prompts)
    with pytest.raises(InputError, match="no such file: the input"):
        work.check(case)
    scan.write_bytes(b"no volume")
    prompts.write_bytes(b"no prompts")
    work.check(case)
    with pytest.raises(OutputError, match="mask"):
        work.check(replace(case, options={"seg_type": "mask"}))


def load_nothing(_method: str) -> FakeSegmenter:
    raise AssertionError
