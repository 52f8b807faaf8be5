"""Every option of `sam-med` does something that a user sees; a new one needs a row here."""

from __future__ import annotations

import hashlib
import json

import nibabel
import numpy as np
import pytest
from cards import CARD
from option_effects import (
    Effect,
    Elsewhere,
    differs,
    flag,
    model_options,
    network_options,
    options_of,
    seen,
    training_options,
    values,
)
from segment_phantoms import MADE_BY

from sam_common.segmenter.fake import FakeSegmenter
from sam_med.cli import main
from sam_med.demo import run as demo_job
from sam_med.derived_objects.dicom_seg import write_seg
from sam_med.files.read import read_volume
from sam_med.objects.segments import Segment

BOX = ("--box-ijk", "5,5,2,12,12,5")
SEGMENT = ("segment", "mr.nii.gz", "-o", "o.nii.gz", "--no-keep-embeddings")
MR = (*SEGMENT, *BOX, "--modality", "MR")
CT = (*SEGMENT, *BOX, "--modality", "CT")
POINTED = (*SEGMENT, "--model", "mobile_sam")
LIST = "name,input,prompts,output\na,{mr},{boxes},{here}/o.nii.gz\n"
BATCH = ("batch", "list.csv", "-o", "out")
CONVERT = ("convert", "mr.nii.gz", "o.nrrd")
STATS = ("stats", "mr.nii.gz", "one.nii.gz")
REPORT = ("stats", "dicom", "seg.dcm", "--series", "1")
CORRECT = (
    *("correct", "mr.nii.gz", "--segmentation", "one.nii.gz", "-o", "o.nii.gz"),
    "--no-keep-embeddings",
)
CLICKED = (*CORRECT, "--modality", "MR", "--click-ijk", "10,10,3")
GROWN = (
    *("correct", "mr.nii.gz", "--segmentation", "two.nii.gz", "-o", "o.nii.gz"),
    *("--no-keep-embeddings", "--click-ijk", "object_1@12,9,3"),
)
FINETUNE = ("finetune", "list.csv", "-o", "mine.safetensors")
VIEW = ("view", "mr.nii.gz")
DEMO = ("demo", "-o", "out")
BOX_JSON = json.dumps(
    {
        "format": "sam-med-prompts",
        "version": 1,
        "space": "ijk",
        "objects": [{"label": "liver", "value": 1, "box": [1, 1, 0, 4, 4, 2]}],
    }
)
OVER_JSON = json.dumps(
    {
        "format": "sam-med-prompts",
        "version": 1,
        "space": "ijk",
        "objects": [
            {"label": "liver", "value": 1, "box": [5, 5, 2, 12, 12, 5]},
            {"label": "cyst", "value": 2, "box": [8, 8, 2, 15, 15, 5]},
        ],
    }
)
MARKS = (
    '{"format": "sam-med-corrections", "version": 1, "corrections": [{"kind": "scribble", '
    '"points": [[6, 6, 3], [9, 9, 3]], "positive": %s}]}'
)
MODELS = ("lite_medsam", "mobile_sam")
WORKERS = "med/run/test_case_work.py::"
EFFECTS = {
    "batch --executor": Elsewhere(f"{WORKERS}test_two_workers_write_what_one_process_writes"),
    "batch --scheduler": Elsewhere(f"{WORKERS}test_two_workers_write_what_one_process_writes"),
    "batch --resources": Elsewhere(f"{WORKERS}test_two_workers_write_what_one_process_writes"),
    "batch --metrics": Elsewhere(f"{WORKERS}test_two_workers_write_what_one_process_writes"),
    "batch --workers": Elsewhere(f"{WORKERS}test_workers_are_started_where_there_is_no_scheduler"),
    "segment --output": Effect(MR, (*MR, "-o", "p.nii.gz")),
    "segment --output-type": values((*MR, "-o", "out"), "-ot", "nifti", "nrrd"),
    "segment --seg-type": values(
        ("segment", "dicom", "-o", "o.seg.dcm", "--series", "1", *BOX),
        "--seg-type",
        "binary",
        "labelmap",
    ),
    "segment --overwrite-labels": Effect(
        (*MR, "--box-ijk", "8,8,2,15,15,5", "--overwrite-labels", "none"),
        (*MR, "--box-ijk", "8,8,2,15,15,5", "--overwrite-labels", "all"),
    ),
    "segment --box-ijk": values(SEGMENT, "--box-ijk", "5,5,2,12,12,5", "5,5,2,12,12,4"),
    "segment --box-lps": values(SEGMENT, "--box-lps", "5,5,3,12,12,9", "5,5,3,12,15,9"),
    "segment --box-ras": values(SEGMENT, "--box-ras", "-12,-12,3,-5,-5,9", "-15,-12,3,-5,-5,9"),
    "segment --slice-box": values(SEGMENT, "--slice-box", "k=3:5,5,12,12", "k=3:5,5,9,12"),
    "segment --slice-box-lps": values(
        SEGMENT, "--slice-box-lps", "k:4.5,4.5,6,12.5,12.5,6", "k:4.5,4.5,6,9.5,12.5,6"
    ),
    "segment --slice-box-ras": values(
        SEGMENT, "--slice-box-ras", "k:-4.5,-4.5,6,-12.5,-12.5,6", "k:-4.5,-4.5,6,-9.5,-12.5,6"
    ),
    "segment --point-ijk": values(POINTED, "--point-ijk", "8,8,3", "14,8,3"),
    "segment --point-lps": values(POINTED, "--point-lps", "8,8,6", "14,8,6"),
    "segment --point-ras": values(POINTED, "--point-ras", "-8,-8,6", "-14,-8,6"),
    "segment --label": values(MR, "--label", "liver", "spleen"),
    "segment --prompts": values(SEGMENT, "--prompts", "one.nii.gz", "two.nii.gz"),
    "segment --labels-as": values(
        (*SEGMENT, "--prompts", "one.nii.gz"), "--labels-as", "box", "mask"
    ),
    "segment --label-names": flag(
        (*SEGMENT, "--prompts", "one.nii.gz"), "--label-names", "names.json"
    ),
    "segment --series": values(("segment", "dicom", *SEGMENT[2:], *BOX), "--series", "1", "2"),
    "segment --join-series": flag(
        ("segment", "apart", *SEGMENT[2:], *BOX), "--join-series", exits=(2, 0)
    ),
    "segment --time": values(("segment", "times.nii.gz", *SEGMENT[2:], *BOX), "--time", "1", "2"),
    "segment --method": values(MR, "--method", "planes", "litemedsam"),
    "segment --modality": values((*SEGMENT, *BOX), "--modality", "MR", "CT"),
    "segment --preset": values(CT, "--preset", "soft", "lung"),
    "segment --window": values((*CT, "--level", "40"), "--window", "400", "80"),
    "segment --level": values((*CT, "--window", "400"), "--level", "40", "90"),
    "segment --overlay": flag(MR, "--overlay", "o.png"),
    "segment --review": flag(MR, "--review", "o.csv"),
    "segment --report": flag(MR, "--report", "o.html"),
    "segment --candidates": flag(MR, "--candidates", "others"),
    "segment --keep-embeddings": flag(MR, "--keep-embeddings"),
    "segment --overwrite": flag(MR, "--overwrite", exits=(2, 0), prepared={"o.nii.gz": "x"}),
    "segment --json": flag(MR, "--json"),
    "segment --quiet": flag(MR, "-q"),
    **network_options("segment", MR, MODELS),
    "correct --segmentation": Effect(
        ("correct", "mr.nii.gz", "--segmentation", "one.nii.gz", *CLICKED[4:]),
        ("correct", "mr.nii.gz", "--segmentation", "edge.nii.gz", *CLICKED[4:]),
    ),
    "correct --output": Effect(CLICKED, (*CLICKED, "-o", "p.nii.gz")),
    "correct --output-type": values((*CLICKED, "-o", "out"), "-ot", "nifti", "nrrd"),
    "correct --seg-type": values(
        (
            *("correct", "dicom", "--segmentation", "seg.dcm", "-o", "o.seg.dcm"),
            *("--series", "1", "--click-ijk", "2,2,1,0"),
        ),
        "--seg-type",
        "binary",
        "fractional",
    ),
    "correct --overwrite-labels": Effect(
        (*GROWN, "--overwrite-labels", "none"), (*GROWN, "--overwrite-labels", "all")
    ),
    "correct --corrections": Effect(
        (*CORRECT, "--corrections", "a.json"),
        (*CORRECT, "--corrections", "b.json"),
        prepared={"a.json": MARKS % "true", "b.json": MARKS % "false"},
    ),
    "correct --click-ijk": values(CORRECT, "--click-ijk", "10,10,3", "6,6,3,0"),
    "correct --click-lps": values(CORRECT, "--click-lps", "10,10,6", "6,6,6,0"),
    "correct --click-ras": values(CORRECT, "--click-ras", "-10,-10,6", "-6,-6,6,0"),
    "correct --label-names": flag(CLICKED, "--label-names", "names.json"),
    "correct --series": values(
        (
            *("correct", "dicom", "--segmentation", "flat.nii.gz", "-o", "o.nrrd"),
            *("--no-keep-embeddings", "--click-ijk", "3,3,1"),
        ),
        "--series",
        "1",
        "2",
    ),
    "correct --join-series": flag(
        (
            *("correct", "apart", "--segmentation", "flat.nii.gz", "-o", "o.nrrd"),
            *("--no-keep-embeddings", "--click-ijk", "3,3,1"),
        ),
        "--join-series",
        exits=(2, 0),
    ),
    "correct --time": values(("correct", "times.nii.gz", *CLICKED[2:]), "--time", "1", "2"),
    "correct --modality": values((*CORRECT, "--click-ijk", "10,10,3"), "--modality", "MR", "CT"),
    "correct --preset": values((*CLICKED, "--modality", "CT"), "--preset", "soft", "lung"),
    "correct --window": values((*CLICKED, "--level", "40"), "--window", "400", "80"),
    "correct --level": values((*CLICKED, "--window", "400"), "--level", "40", "90"),
    "correct --report": flag(CLICKED, "--report", "o.html"),
    "correct --keep-embeddings": flag(CLICKED, "--keep-embeddings"),
    "correct --overwrite": flag(CLICKED, "--overwrite", exits=(2, 0), prepared={"o.nii.gz": "x"}),
    "correct --json": flag(CLICKED, "--json"),
    "correct --quiet": flag(CLICKED, "-q"),
    **network_options("correct", CLICKED, MODELS),
    "batch --output": Effect(BATCH, (*BATCH, "-o", "other")),
    "batch --output-type": values(("batch", "stems.csv", *BATCH[2:]), "-ot", "nifti", "nrrd"),
    "batch --seg-type": Effect(
        ("batch", "cases.csv", "-o", "out", "--seg-type", "binary"),
        ("batch", "cases.csv", "-o", "out", "--seg-type", "fractional"),
        prepared={
            "cases.csv": "input,prompts,output,series\ndicom,box.json,o.seg.dcm,1\n",
            "box.json": BOX_JSON,
        },
    ),
    "batch --overwrite-labels": Effect(
        ("batch", "over.csv", "-o", "out", "--overwrite-labels", "none"),
        ("batch", "over.csv", "-o", "out", "--overwrite-labels", "all"),
        prepared={
            "over.csv": "input,prompts,output\nmr.nii.gz,over.json,o.nii.gz\n",
            "over.json": OVER_JSON,
        },
    ),
    "batch --method": values(BATCH, "--method", "planes", "litemedsam"),
    "batch --resume": flag(
        BATCH,
        "--resume",
        exits=(2, 0),
        prepared={"out/batch.json": '{"version": 1, "done": {}}'},
    ),
    "batch --overwrite": flag(BATCH, "--overwrite", exits=(3, 0), prepared={"o.nii.gz": "x"}),
    "batch --report": flag(BATCH, "--report", "o.html"),
    "batch --keep-embeddings": flag(BATCH, "--keep-embeddings"),
    "batch --json": flag(BATCH, "--json"),
    "batch --quiet": flag(BATCH, "-q"),
    **network_options("batch", BATCH, MODELS),
    "info --join-series": flag(("info", "apart"), "--join-series"),
    "info --json": flag(("info", "mr.nii.gz"), "--json"),
    "convert --series": values(("convert", "dicom", "o.nrrd"), "--series", "1", "2"),
    "convert --join-series": flag(("convert", "apart", "o.nrrd"), "--join-series", exits=(2, 0)),
    "convert --time": values(("convert", "times.nii.gz", "o.nrrd"), "--time", "1", "2"),
    "convert --modality": values(CONVERT, "--modality", "MR", "CT"),
    "convert --allow-uneven": flag(("convert", "uneven", "o.nrrd"), "--allow-uneven", exits=(2, 0)),
    "convert --overwrite": flag(CONVERT, "--overwrite", exits=(2, 0), prepared={"o.nrrd": "x"}),
    "convert --json": flag(CONVERT, "--json"),
    "convert --quiet": flag(("convert", "times.nii.gz", "o.nrrd", "--time", "1"), "-q"),
    "compare --label": values(("compare", "two.nii.gz", "one.nii.gz"), "--label", "1", "2"),
    "compare --tolerance-mm": values(
        ("compare", "two.nii.gz", "one.nii.gz"), "--tolerance-mm", "0.5", "3"
    ),
    "compare --json": flag(("compare", "two.nii.gz", "one.nii.gz"), "--json"),
    "stats --series": values(("stats", "dicom", "flat.nii.gz"), "--series", "1", "2"),
    "stats --join-series": flag(("stats", "apart", "flat.nii.gz"), "--join-series", exits=(2, 0)),
    "stats --time": values(("stats", "times.nii.gz", "one.nii.gz"), "--time", "1", "2"),
    "stats --modality": values(STATS, "--modality", "MR", "CT"),
    "stats --plane": values(STATS, "--plane", "axial", "coronal"),
    "stats --report": flag(REPORT, "--report", "o.sr.dcm"),
    "stats --overwrite": flag(
        (*REPORT, "--report", "o.sr.dcm"),
        "--overwrite",
        exits=(2, 0),
        prepared={"o.sr.dcm": "x"},
    ),
    "stats --json": flag(STATS, "--json"),
    "stats --quiet": flag(("stats", "mr.nii.gz", "edge.nii.gz"), "-q"),
    **training_options("finetune", FINETUNE, MODELS),
    "finetune --label": values(FINETUNE, "--label", "1", "2"),
    "view --model": values(VIEW, "--model", *MODELS),
    "view --series": values(VIEW, "--series", "1", "1.2.3"),
    "view --time": values(VIEW, "--time", "1", "2"),
    "view --modality": values(VIEW, "--modality", "MR", "CT"),
    "view --preset": values(VIEW, "--preset", "soft", "brain"),
    "view --window": values(VIEW, "--window", "100", "200"),
    "view --level": values(VIEW, "--level", "10", "20"),
    "view --port": values(VIEW, "--port", "0", "8765"),
    "view --no-open": flag(VIEW, "--no-open"),
    "demo --output": Effect(DEMO, (*DEMO, "-o", "other")),
    "demo --json": flag(DEMO, "--json"),
    "demo --quiet": flag(DEMO, "-q"),
    **model_options("demo", DEMO),
}


def save(folder, name, array):
    nibabel.save(nibabel.Nifti1Image(array, np.diag([-1.0, -1, 2, 1])), folder / name)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Small volumes and label maps; an L beside a block, an object at the edge, two series."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(4)
    image = rng.integers(-20, 120, (24, 24, 8)).astype(np.int16)
    save(folder, "mr.nii.gz", image)
    save(folder, "times.nii.gz", np.stack([image, image[::-1]], axis=-1))
    labels = np.zeros((24, 24, 8), np.uint8)
    labels[5:8, 5:16, 2:6] = labels[5:16, 13:16, 2:6] = 1
    save(folder, "one.nii.gz", labels)
    save(folder, "edge.nii.gz", np.where(np.arange(8) == 0, labels[:, :, 3:4], 0).astype(np.uint8))
    labels[9:18, 5:10, 2:6] = 2
    labels[5:8, 5:16, 2:6] = 0
    save(folder, "two.nii.gz", labels)
    flat = np.pad(np.ones((1, 1, 1), np.uint8), ((2, 5), (2, 3), (1, 1)))
    nibabel.save(nibabel.Nifti1Image(flat, np.diag([-0.75, -0.5, 2, 1])), folder / "flat.nii.gz")
    (folder / "names.json").write_text('{"1": "left kidney"}')
    return folder


@pytest.fixture
def place(inputs, dicom, tmp_path, monkeypatch):
    """A folder with the inputs, in which commands run."""

    def make(name, prepared):
        folder = tmp_path / name
        folder.mkdir()
        for path in inputs.iterdir():
            (folder / path.name).symlink_to(path)
        for file, text in prepared.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(text)
        cases = LIST.format(mr=folder / "mr.nii.gz", boxes=folder / "two.nii.gz", here=folder)
        (folder / "list.csv").write_text(cases)
        (folder / "stems.csv").write_text(cases.replace("/o.nii.gz", "/o"))
        monkeypatch.chdir(folder)
        return folder

    return make


@pytest.fixture
def network(monkeypatch):
    """A segmenter that remembers how it was asked for; the demo finds its kidney made up."""
    fake = FakeSegmenter()
    calls = []

    def load(name, **settings):
        calls.append((name, settings))
        return fake

    def run(output, load_one, *, progress, quiet):
        load_one()
        output.mkdir()
        (output / "kidney.nii.gz").write_bytes(b"x")
        # what is fetched is said on stderr, unless that is not wanted
        calls.append(("progress", quiet, progress.keywords))
        row = {"objects": 1, "slices": 3, "seconds": 1.0, "dice": {"right kidney": 0.9}}
        return {"kidney": row, "page": str(output / "index.html")}

    monkeypatch.setattr("sam_common.segmenter.predictor.load_segmenter", load)
    monkeypatch.setattr(demo_job, "run", run)

    def taught(request, **_how):
        # what each option does to a network is seen in `tests/common/training`
        calls.append(("taught", repr(request)))
        return {**CARD, "notes": [], "judged": [], "output": None}

    def viewed(asked, **how):
        # what each option does to the page is seen in `tests/common/server/test_viewer.py`
        calls.append(("viewed", asked, how))

    monkeypatch.setattr("sam_common.server.viewer.view", viewed)
    monkeypatch.setattr("sam_med.finetuning.run.run_finetune", taught)
    monkeypatch.setattr("sam_med.finetuning.run.dry_run_finetune", lambda _request: {"images": 1})

    def shown():
        digest = hashlib.sha256(b"".join(image.tobytes() for image in fake.embedded)).hexdigest()
        said = {"calls": json.dumps(calls), "embedded": digest}
        fake.embedded.clear()
        calls.clear()
        return said

    return shown


def make_dicom(dicom, words):
    """The folder that a command names: two series, slices in series of their own, uneven ones."""
    if "dicom" in words:
        for number, uid in ((1, "1.2.3"), (2, "1.2.4")):
            dicom.series(
                [(0, 0, 2 * n) for n in range(3)],
                dicom.pixels(3) * number,
                SeriesInstanceUID=uid,
                SeriesNumber=number,
            )
    if "apart" in words:
        for n, path in enumerate(dicom.series([(0, 0, 2 * n) for n in range(3)])):
            dicom.change(path, SeriesInstanceUID=f"1.2.{n + 3}")
    if "uneven" in words:
        dicom.series([(0, 0, z) for z in (0, 2, 5, 9)])


def test_every_option_has_a_row():
    assert set(EFFECTS) == options_of(main.app)


@pytest.mark.parametrize("option", [n for n, e in EFFECTS.items() if isinstance(e, Elsewhere)])
def test_the_effect_is_seen_elsewhere(option):
    assert EFFECTS[option].mentions(option.split()[-1])


@pytest.mark.parametrize("option", [n for n, e in EFFECTS.items() if isinstance(e, Effect)])
def test_an_option_has_an_effect(option, place, network, dicom, monkeypatch, tmp_path):
    effect = EFFECTS[option]
    # a list of cases names its scans as well
    words = (*effect.before, *",".join(effect.prepared.values()).replace("\n", ",").split(","))
    make_dicom(dicom, words)
    runs = []
    for name, arguments in (("a", effect.before), ("b", effect.before), ("c", effect.after)):
        folder = place(name, effect.prepared)
        monkeypatch.setenv("SAM_GEOMED_CACHE", str(folder / "cache"))
        for source in ("dicom", "apart", "uneven"):
            if source in words:
                (folder / source).symlink_to(dicom.folder)
        if "seg.dcm" in effect.before:
            scan = read_volume(folder / "dicom", series="1")
            whole = Segment("liver", 1, scan.window, np.ones(scan.shape, bool))
            write_seg([whole], scan, folder / "seg.dcm", MADE_BY)
        runs.append(seen(main.app, arguments, folder, network))
    assert (runs[0]["exit"], runs[2]["exit"]) == effect.exits, runs
    assert differs(*runs), runs[0]
