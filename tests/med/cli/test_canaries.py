"""Canaries: nothing of a patient, and no name of a file, may come out of any command.

The scan is made of values that occur nowhere else. Whatever the commands print, write or keep is
searched for them; the path of the output is the user's own, and a DICOM result must carry the
patient of its source, so neither is searched.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from sam_med import privacy

MARK = "ZQCANARY"
NUMBER = "5432198765"
BORN, STUDIED, TIME = "19310217", "19470519", "052347"
CANARIES = (MARK, MARK.lower(), NUMBER, BORN, STUDIED, TIME, "1931-02-17", "1947-05-19")
ROOT = f"1.2.826.0.1.3680043.10.{NUMBER}"
SHAPE = (5, 48, 48)
BOX = "10,10,1,30,30,3"
READ_WITHOUT = (f"{MARK}HEADLESS",)
"""Of the damaged inputs, those that are read without the damaged file, which is said."""


def slice_of(k, uid="1"):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = f"{ROOT}.{uid}.{k}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    one.SOPClassUID, one.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    one.SeriesInstanceUID, one.StudyInstanceUID = f"{ROOT}.{uid}", f"{ROOT}.9"
    one.PatientName, one.PatientID = f"{MARK}NAME^John", f"{MARK}ID"
    one.PatientBirthDate, one.StudyDate, one.SeriesDate = BORN, STUDIED, STUDIED
    one.StudyTime = one.SeriesTime = one.AcquisitionTime = TIME
    for keyword in (
        "StudyDescription",
        "SeriesDescription",
        "InstitutionName",
        "InstitutionAddress",
        "ReferringPhysicianName",
        "OperatorsName",
        "AccessionNumber",
        "StationName",
        "ProtocolName",
        "ImageComments",
        "OtherPatientIDs",
    ):
        setattr(one, keyword, f"{MARK}{keyword[:8]}")
    one.Modality, one.SeriesNumber, one.InstanceNumber = "CT", 3, k + 1
    one.Rows, one.Columns = SHAPE[1:]
    one.PixelSpacing, one.SliceThickness = [0.8, 0.8], 2.5
    one.ImageOrientationPatient, one.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-20, -30, 2.5 * k]
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated = one.BitsStored = 16
    one.HighBit, one.PixelRepresentation = 15, 1
    one.RescaleSlope, one.RescaleIntercept = 1, 0
    one.BurnedInAnnotation = "YES"
    # values that pydicom warns about, and quotes
    with privacy.quiet_libraries():
        one.add_new(0x00100040, "CS", f"{MARK} not a sex")
        one.FrameOfReferenceUID = f"{ROOT}.08"
    pixels = np.random.default_rng(k).integers(-200, 300, SHAPE[1:]).astype(np.int16)
    pixels[10:31, 10:31] = 250
    one.PixelData = pixels.tobytes()
    return one


def write_series(folder, uid="1", slices=SHAPE[0]):
    folder.mkdir(parents=True)
    for k in range(slices):
        slice_of(k, uid).save_as(folder / f"{MARK}FILE_{BORN}_{uid}_{k}.dcm")
    return folder


class Place:
    """A folder of scans whose names are canaries too, and a folder for what comes out."""

    def __init__(self, root):
        self.scans = root / f"{MARK}HOME" / f"{MARK}FOLDER"
        self.out, self.cache, self.temporary = root / "out", root / "cache", root / "temporary"
        for folder in (self.out, self.cache, self.temporary):
            folder.mkdir()
        self.series = write_series(self.scans / f"{MARK}SERIES")
        self.nifti = self.scans / f"{MARK}FILE.nii.gz"

    def damaged(self):
        """Inputs that cannot be read, each in its own way."""
        two = write_series(self.scans / f"{MARK}TWO")
        for file in write_series(self.scans / f"{MARK}OTHER", uid="2").iterdir():
            file.rename(two / file.name)
        cut = write_series(self.scans / f"{MARK}CUT")
        file = sorted(cut.iterdir())[2]
        file.write_bytes(file.read_bytes()[:-1000])
        headless = write_series(self.scans / f"{MARK}HEADLESS")
        file = sorted(headless.iterdir())[1]
        file.write_bytes(file.read_bytes()[:700])
        untagged = write_series(self.scans / f"{MARK}UNTAGGED")
        for file in untagged.iterdir():
            dataset = pydicom.dcmread(file)
            del dataset.PixelSpacing
            dataset.save_as(file)
        letters = write_series(self.scans / f"{MARK}LETTERS")
        for file in letters.iterdir():
            file.write_bytes(file.read_bytes().replace(b"\x32\x2e\x35 ", b"\x5a\x51\x5a\x51"))
        unsyntaxed = write_series(self.scans / f"{MARK}SYNTAX")
        for file in unsyntaxed.iterdir():
            dataset = pydicom.dcmread(file)
            dataset.file_meta.TransferSyntaxUID = "1.2.3.4"
            dataset.save_as(file, enforce_file_format=False)
        empty = self.scans / f"{MARK}EMPTY"
        empty.mkdir()
        files = {
            f"{MARK}.nii.gz": b"garbage",
            f"{MARK}.nii": b"\x5c\x01\0\0" + b"\0" * 500,
            f"{MARK}.nrrd": f"NRRD0004\n# {MARK}\ntype: {MARK}\n".encode(),
            f"{MARK}.mha": f"ObjectType = Image\nNDims = 3\nName = {MARK}\n".encode(),
            f"{MARK}.mhd": f"ObjectType = Image\nElementDataFile = {MARK}.raw\n".encode(),
            f"{MARK}.nhdr": f"NRRD0004\ndata file: {MARK}.raw\n".encode(),
            f"{MARK}.zip": b"PK\x03\x04" + MARK.encode() * 20,
            f"{MARK}.docx": MARK.encode(),
            f"{MARK}_dicm": b"\0" * 128 + b"DICM" + MARK.encode(),
        }
        for name, content in files.items():
            (self.scans / name).write_bytes(content)
        gone = self.scans / f"{MARK}GONE.nii"
        folders = [two, cut, headless, untagged, letters, unsyntaxed, empty]
        return [*folders, *(self.scans / name for name in files), gone]

    def run(self, code, *arguments):
        """Python code in a process of its own, as a user's shell starts it."""
        environment = {
            **os.environ,
            "SAM_GEOMED_CACHE": str(self.cache),
            "TMPDIR": str(self.temporary),
            "PYTHONWARNINGS": "always",
        }
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=self.scans,
        )

    def commands(self, *commands):
        """Commands of `sam-med`, one after the other, with a network that is not one."""
        return self.run(COMMANDS, json.dumps([[str(word) for word in words] for words in commands]))


COMMANDS = """
import json, sys
from sam_common.segmenter import predictor
from sam_common.segmenter.fake import FakeSegmenter
predictor.load_segmenter = lambda *a, **k: FakeSegmenter()
from sam_med.cli.main import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["sam-med", *words]
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code
    print("exit code", code, file=sys.stderr, flush=True)
"""


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def found_in(text):
    return [canary for canary in CANARIES if canary in text]


def check_clean(done, place):
    """Nothing printed, written, kept or left behind holds a canary."""
    assert found_in(done.stdout) == []
    assert found_in(done.stderr) == []
    for folder in (place.out, place.cache, place.temporary):
        for path in folder.rglob("*"):
            assert found_in(path.name) == []
            if path.is_file():
                data = path.read_bytes()
                if path.suffix == ".gz":
                    data = gzip.decompress(data)
                assert found_in(data.decode("latin-1")) == []
    assert [path for path in place.temporary.rglob("*") if path.is_file()] == []


def exit_codes(done):
    return [line.split()[-1] for line in done.stderr.splitlines() if line.startswith("exit code")]


def test_the_canaries_sing(place):
    """The search finds what it looks for: in a header, a name, a packed file, a message."""
    one = next(place.series.iterdir())
    assert set(found_in(one.read_bytes().decode("latin-1"))) >= {MARK, NUMBER, BORN, STUDIED, TIME}
    quiet = subprocess.CompletedProcess([], 0, "", "")
    check_clean(quiet, place)
    loud = subprocess.CompletedProcess([], 0, f"reading {one}", "")
    with pytest.raises(AssertionError):
        check_clean(loud, place)
    (place.out / "labels.nii.gz").write_bytes(gzip.compress(MARK.encode()))
    with pytest.raises(AssertionError):
        check_clean(quiet, place)
    (place.out / "labels.nii.gz").unlink()
    (place.cache / f"{MARK}.txt").write_text("")
    with pytest.raises(AssertionError):
        check_clean(quiet, place)


def test_commands_that_succeed(place):
    labels = place.out / "labels.nii.gz"
    relative = place.series.relative_to(place.scans)
    done = place.commands(
        ["info", place.series],
        ["info", relative, "--json"],
        ["segment", place.series, "-o", labels, "--box-ijk", BOX, "--label", "spot"],
        ["segment", relative, "-o", place.out / "l.nrrd", "--box-ijk", BOX, "--json"],
        [
            *("segment", place.series, "-o", place.out / "m.mha", "--box-ijk", BOX),
            *("--overlay", place.out / "m.png"),
        ],
        ["info", labels],
    )
    assert exit_codes(done) == ["0"] * 6
    assert (place.out / "labels.job.json").is_file()
    check_clean(done, place)


def test_the_page_of_a_batch(place):
    """Neither cases that succeed nor those that fail are named by their files."""
    prompts = place.scans / f"{MARK}.json"
    box = {"label": "spot", "box": [int(v) for v in BOX.split(",")]}
    record = {"format": "sam-med-prompts", "version": 1, "space": "ijk", "objects": [box]}
    prompts.write_text(json.dumps(record))
    paths = [place.series, *place.damaged()]
    rows = [f"{path},{prompts},{place.out / f'o{n}.nii.gz'}" for n, path in enumerate(paths)]
    table = place.scans / f"{MARK}LIST.csv"
    table.write_text("\n".join(["input,prompts,output", *rows]))
    page = place.out / "page.html"
    run = ("batch", table, "-o", place.out / "state", "--report", page)
    done = place.commands([*run], [*run, "--resume"])
    assert exit_codes(done) == ["3", "3"]
    text = page.read_text()
    assert text.count("<img ") == 1 + len(READ_WITHOUT)
    assert "case 2: " in text
    check_clean(done, place)


def test_inputs_that_cannot_be_read(place):
    damaged = place.damaged()
    out = [place.out / f"o{n}.nii.gz" for n in range(len(damaged))]
    done = place.commands(
        *(["info", path] for path in damaged),
        *(["info", path.name, "--json"] for path in damaged),
        *(
            ["segment", path, "-o", o, "--box-ijk", BOX]
            for path, o in zip(damaged, out, strict=True)
        ),
    )
    codes = exit_codes(done)
    assert len(codes) == 3 * len(damaged)
    # each says why in a line
    expected = ["0" if path.name in READ_WITHOUT else "2" for path in damaged]
    assert codes[-len(damaged) :] == expected
    assert done.stderr.count("error: ") >= 2 * expected.count("2")
    check_clean(done, place)


def test_commands_that_are_refused(place):
    out = place.out / "labels.nii.gz"
    out.write_bytes(b"")
    segment = ("segment", place.series, "-o", place.out / "other.nii.gz")
    done = place.commands(
        ["segment", place.series, "-o", out, "--box-ijk", BOX],
        [*segment, "--box-ijk", "90,90,90,99,99,99"],
        [*segment, "--box-ijk", "1,2,3"],
        [*segment, "--box-ijk", BOX, "--preset", "none"],
        segment,
    )
    assert exit_codes(done) == ["2"] * 5
    out.unlink()
    check_clean(done, place)


BUG = """
import sys
from sam_common.segmenter.fake import FakeSegmenter
from sam_med.report import geometry_report
def broken(path, **_):
    secret = f"patient of {path}"
    raise ZeroDivisionError(secret)
geometry_report.describe_path = broken
from sam_med.cli.main import main
sys.argv = ["sam-med", "info", sys.argv[1]]
main()
"""


def test_an_unexpected_error(place):
    """The traceback says where, not what: messages of libraries quote paths and tags."""
    done = place.run(BUG, place.series)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "unexpected ZeroDivisionError, please report it; it happened in\n"
    )
    assert "  sam_med/cli/inspect.py, line " in done.stderr
    assert "SAM_GEOMED_TRACEBACK=full shows it" in done.stderr
    check_clean(done, place)
    assert sys.prefix not in done.stderr


def test_a_full_traceback_must_be_asked_for(place, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_TRACEBACK", "full")
    done = place.run(BUG, place.series)
    assert f"ZeroDivisionError: patient of {place.series}" in done.stderr


BATCH = """
import sys
from pathlib import Path
from sam_common.segmenter.fake import FakeSegmenter
from sam_med import privacy
from sam_med.run.batch import exit_code, run_batch
from sam_med.run.case_list import read_cases
from sam_med.slices.embedding_cache import embedding_store, slice_key
from sam_med.prompts.files import read_prompts
from sam_med.prompts.json_prompts import prompts_to_json
from sam_med.report.review import write_review
from sam_med.objects.segments import Segment, SliceConfidence
from sam_med.files.read import read_volume
from sam_med.slices.window_level import choose_stretch

def segment_one(case):
    volume = read_volume(case.input)
    given = read_prompts(case.prompts, volume).objects
    stretch, segmenter = choose_stretch(volume), FakeSegmenter()
    store = embedding_store(volume, stretch, segmenter)
    for k in range(volume.shape[0]):
        store.put(slice_key(0, k), segmenter.embed(stretch.apply(volume.array[k])))
    slices = tuple(SliceConfidence(k, .5, .5, .5, .5, None) for k in range(1, 4))
    mask = volume.array[given[0].box.slices] > 200
    found = [Segment(given[0].label, 1, given[0].box, mask, slices=slices)]
    for suffix in (".html", ".csv"):
        write_review(found, volume, stretch, case.output.with_suffix(suffix))
    case.output.write_text(prompts_to_json(given))
    return len(found)

def job():
    results = run_batch(read_cases(Path(sys.argv[1])), segment_one, Path(sys.argv[2]))
    print(results)
    sys.exit(exit_code(results))

privacy.run(job)
"""


def test_a_batch_with_reviews_and_embeddings(place):
    damaged = place.damaged()
    prompts = place.scans / f"{MARK}.json"
    prompts.write_text(
        json.dumps(
            {
                "format": "sam-med-prompts",
                "version": 1,
                "space": "ijk",
                "objects": [{"label": "spot", "box": [int(v) for v in BOX.split(",")]}],
            }
        )
    )
    wrong = place.scans / f"{MARK}WRONG.json"
    wrong.write_text(f'{{"{MARK}')
    rows = [(place.series, prompts), *((path, prompts) for path in damaged)]
    rows += [(place.series, wrong), (place.series, place.scans / f"{MARK}GONE.json")]
    table = place.scans / f"{MARK}LIST.csv"
    lines = [f"{path},{given},{place.out / f'o{n}.json'}" for n, (path, given) in enumerate(rows)]
    table.write_text("\n".join(["input,prompts,output", *lines]))
    done = place.run(BATCH, table, place.out / "batch")
    assert done.returncode == 3, done.stderr
    summary = json.loads((place.out / "batch" / "summary.json").read_text())
    status = ["done" if path.name in READ_WITHOUT else "failed" for path in damaged]
    assert [row["status"] for row in summary] == ["done", *status, "failed", "failed"]
    assert all(bool(row["message"]) == (row["status"] == "failed") for row in summary)
    assert (place.out / "o0.html").is_file()
    assert len(list(place.cache.rglob("0-*.safetensors"))) >= SHAPE[0]
    check_clean(done, place)
