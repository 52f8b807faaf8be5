from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel
import nrrd
import numpy as np
import pytest
from med_program import LESION, invoke
from PIL import Image

from sam_common import __version__
from sam_common.segmenter.capabilities import Capabilities
from sam_med import privacy
from sam_med.cli.segment import Terminal


def test_a_box_to_a_label_map(brain, segmenter, tmp_path):
    out = tmp_path / "lesion.nii.gz"
    result = invoke("segment", brain, "-o", out, "--box-ijk", LESION, "--label", "lesion")
    assert result.exit_code == 0, result.output
    written = nibabel.load(out)
    assert written.shape == (256, 256, 25)
    found = np.nonzero(np.asarray(written.dataobj))
    assert (int(found[2].min()), int(found[2].max())) == (11, 17)
    assert "lesion" in result.stdout
    assert result.stderr.splitlines() == [
        (
            "modality not CT (guessed from the values), intensities: percentiles 0.5 and 99.5 of "
            "the values above 0 (5 to 1794)"
        )
    ]
    assert segmenter.calls == [
        ("lite_medsam", {"arch": None, "device": "auto", "engine": "auto", "precision": "auto"})
    ]
    report = json.loads((tmp_path / "lesion.job.json").read_text())
    assert report["notice"] == "For research, not a medical device."
    assert report["labels"][0]["prompt_ijk"] == [162, 84, 11, 208, 153, 17]
    assert report["versions"]["sam-geomed"] == __version__


def test_millimetres_give_the_same_as_voxels(brain, segmenter, tmp_path):
    ijk, lps = tmp_path / "ijk.nii", tmp_path / "lps.nii"
    facts = json.loads((brain.parent / "mr_brain1.json").read_text())
    lesion = facts["ground_truth"]["files"][0]["labels"][0]
    edges = ",".join(str(v) for v in (*lesion["lps_mm_min"], *lesion["lps_mm_max"]))
    assert invoke("segment", brain, "-o", ijk, "--box-ijk", LESION).exit_code == 0
    assert invoke("segment", brain, "-o", lps, "--box-lps", edges).exit_code == 0
    assert ijk.read_bytes() == lps.read_bytes()


def test_several_objects_from_dicom_as_json(data, segmenter, tmp_path):
    out, png = tmp_path / "two.nrrd", tmp_path / "two.png"
    arguments = [
        *("segment", data / "med/dicom/ct_phantom_rtstruct", "-o", out, "--overlay", png, "--json"),
        *("--box-lps", "-61.3,-51.5,57.5,-35.9,-15.4,67.5", "--label", "ROI-1"),
        *("--box-lps", "-54,28,57.5,-25.6,300,67.5", "--label", "ROI-2"),
    ]
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert printed["outputs"] == [str(out)]
    assert [(row["label"], row["value"]) for row in printed["labels"]] == [
        ("ROI-1", 1),
        ("ROI-2", 2),
    ]
    assert printed["encoder_calls"] == 2
    assert printed["intensities"]["rule"] == "soft (width 400, level 40)"
    assert result.stderr.splitlines() == [
        "note: not-dicom: 2 file(s) are no DICOM (left out)",
        "note: not-an-image: 1 file(s) are no images: 1 RTSTRUCT (left out)",
        (
            "note: padding: 111544 voxels, 21.3%, are padding (-3024) "
            "(left out of the intensity window and of measured intensities)"
        ),
        "note: box of label ROI-2 is cut to the volume: ijk 145,313,0,204,511,1",
        "modality CT, intensities: soft (width 400, level 40)",
    ]
    with Image.open(png) as picture:
        assert picture.size[1] == 480


def test_a_box_on_one_slice_to_several_formats_with_a_review(brain, segmenter, tmp_path):
    review = tmp_path / "review.csv"
    result = invoke(
        *("segment", brain, "-o", tmp_path / "out", "--modality", "MR", "--json"),
        *("--slice-box", "k=14:162,84,208,153", "--label", "lesion", "--review", review),
        *("-ot", "nifti", "-ot", "seg.nrrd", "-ot", "npz"),
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["method"] == "planes"
    (row,) = report["labels"]
    assert 0 < row["confidence"] <= 1
    nifti, seg, npz = map(Path, report["outputs"])
    found = np.asarray(nibabel.load(nifti).dataobj)
    assert np.count_nonzero(found) == row["voxels"] > 0
    segments, _ = nrrd.read(str(seg))
    assert np.array_equal(segments, found)
    with np.load(npz) as arrays:
        assert np.array_equal(arrays["segs"], found.T)
    rows = list(csv.DictReader(review.read_text().splitlines()))
    confidences = [float(one["confidence"]) for one in rows]
    assert confidences == sorted(confidences)
    assert {int(one["k"]) for one in rows} >= set(np.nonzero(found)[2].tolist())


def test_what_the_encoder_saw_is_kept_for_the_next_run(brain, segmenter, cache, tmp_path):
    common = ("segment", brain, "--box-ijk", LESION, "--modality", "MR", "--json")
    common += ("--keep-embeddings",)
    first = json.loads(invoke(*common, "-o", tmp_path / "a.nii").stdout)
    assert first["encoder_calls"] == 7
    again = invoke(*common, "-o", tmp_path / "b.nii", "--slice-box", "k=14:165,88,205,150")
    assert json.loads(again.stdout)["encoder_calls"] == 0
    kept = [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert kept
    assert {path.stat().st_mode & 0o077 for path in kept} == {0}
    none = invoke(*common, "-o", tmp_path / "c.nii", "--window", "900", "--level", "500")
    assert json.loads(none.stdout)["encoder_calls"] == 7


@pytest.mark.parametrize("more", [(), ("--no-keep-embeddings",)])
def test_nothing_is_kept_unless_that_is_asked_for(more, brain, segmenter, cache, tmp_path):
    arguments = ("segment", brain, "--box-ijk", LESION, *more)
    assert invoke(*arguments, "-o", tmp_path / "a.nii").exit_code == 0
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.job.json", "a.nii"]


def test_embeddings_that_cannot_be_kept_are_said_before_a_network_is_loaded(
    brain, segmenter, tmp_path, monkeypatch, error_of
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "file"))
    arguments = ("segment", brain, "--box-ijk", LESION, "-o", tmp_path / "a.nii")
    assert error_of(*arguments, "--keep-embeddings").startswith("cannot make ")
    assert segmenter.calls == []
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_outputs_are_checked_against_all_that_is_read(brain, segmenter, tmp_path, error_of):
    prompts = tmp_path / "p.json"
    box = [162, 84, 11, 208, 153, 17]
    prompts.write_text(json.dumps({"space": "ijk", "objects": [{"label": "a", "box": box}]}))
    before = prompts.read_bytes()
    arguments = ("segment", brain, "--prompts", prompts, "--overwrite")
    for more in (
        ("-o", tmp_path / "a.nii", "--overlay", tmp_path / "P.json"),
        ("-o", tmp_path / "a.nii", "--overlay", brain),
    ):
        assert error_of(*arguments, *more).startswith("the output is an input")
    same = ("-o", tmp_path / "a.nii", "--overlay", tmp_path / "A.NII")
    assert error_of(*arguments, *same).startswith("two outputs are one file")
    assert (prompts.read_bytes(), segmenter.calls) == (before, [])
    (tmp_path / "labels.nhdr").write_text("NRRD0004\ndimension: 3\ndata file: voxels.nii\n")
    (tmp_path / "voxels.nii").write_bytes(b"voxels")
    beside = ("--prompts", tmp_path / "labels.nhdr", "-o", tmp_path / "voxels.nii")
    said = error_of("segment", brain, *beside, "--overwrite")
    assert said.startswith("the output is an input")
    assert (tmp_path / "voxels.nii").read_bytes() == b"voxels"


def test_a_series_to_seg_and_nifti_that_agree(data, segmenter, tmp_path):
    scan = data / "med/dicom/ct_tiny_seg_multiframe/series"
    facts = json.loads(invoke("info", scan, "--json").stdout)["series"][0]
    i, j, k = facts["size_ijk"]
    box = f"{i // 4},{j // 4},0,{i // 2},{j // 2},{k - 1}"
    result = invoke(
        *("segment", scan, "-o", tmp_path / "out", "--box-ijk", box, "--label", "liver", "--json"),
        *("-ot", "dicom_seg", "-ot", "nifti"),
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["labels"][0]["code"] == "10200004"
    seg, nifti = report["outputs"]
    compared = json.loads(invoke("compare", seg, nifti, "--label", "1", "--json").stdout)
    assert [(row["dice"], row["hd95_mm"]) for row in compared] == [(1.0, 0.0)]
    (row,) = json.loads(invoke("stats", scan, seg, "--json").stdout)
    assert row["voxels"] == report["labels"][0]["voxels"]


def test_points_need_a_model_that_takes_them(brain, segmenter, tmp_path, error_of):
    segmenter.capabilities = Capabilities(points=False, boxes=True, masks=False, multimask=False)
    point = ("segment", brain, "-o", tmp_path / "a.nii", "--point-ijk", "180,120,14")
    expected = (
        "model {} takes no points, but label object_1 has some: give a box on a slice instead, "
        "or --model mobile_sam"
    )
    assert error_of(*point) == expected.format("lite_medsam")
    # what is known of a name is said before the network is loaded
    assert segmenter.calls == []
    assert error_of(*point, "--model", "own.pth") == expected.format("fake")
    assert list(tmp_path.iterdir()) == []


def test_what_is_found_and_what_is_covered_is_said(brain, segmenter, tmp_path):
    arguments = ["segment", brain, "--box-ijk", LESION, "--box-ijk", LESION]
    arguments += ["--modality", "MR", "--method", "litemedsam"]
    result = invoke(*arguments, "-o", tmp_path / "a.nii")
    # 47 x 70 px on the middle slice, 6 px more each way on the next: 3290 + 2 (4028 + 4838 + 5720)
    assert result.stderr.splitlines()[1:] == [
        (
            "note: label maps hold one object a voxel: 32462 of 32462 voxels of object_2 went to "
            "other objects (seg.nrrd and binary dicom_seg keep both)"
        )
    ]
    segmenter.empty_below = 255
    result = invoke(*arguments[:4], "-o", tmp_path / "b.nii")
    assert result.exit_code == 0
    assert result.stderr.splitlines()[1:] == ["warning: nothing was found for label object_1"]


def test_quiet_says_nothing_on_stderr(brain, segmenter, tmp_path):
    out = tmp_path / "a.nii"
    result = invoke("segment", brain, "-o", out, "--box-ijk", LESION, "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")


def test_options_reach_the_model(brain, segmenter, tmp_path):
    invoke(
        *("segment", brain, "-o", tmp_path / "a.nii", "--box-ijk", LESION),
        *("--model", "mine.pth", "--arch", "vit_b", "--device", "cpu"),
        *("--engine", "torch", "--precision", "fp32"),
    )
    settings = {"arch": "vit_b", "device": "cpu", "engine": "torch", "precision": "fp32"}
    assert segmenter.calls == [("mine.pth", settings)]


SEGMENT_ERRORS = {
    "no box": ([], "give at least one box, box on a slice or point"),
    "both kinds": (
        ["--box-ijk", LESION, "--box-lps", LESION],
        (
            "give all boxes without a name in one way, got --box-ijk and --box-lps: labels are "
            "paired with them by order (or write NAME@ in front of each)"
        ),
    ),
    "labels": (
        ["--box-ijk", LESION, "--label", "a", "--label", "b"],
        "labels are paired with boxes by order, got 1 box(es) and 2 label(s)",
    ),
    "min > max": (
        ["--box-ijk", "9,0,0,5,5,5"],
        "box-ijk must have min <= max as i0,j0,k0,i1,j1,k1, got 9,0,0,5,5,5",
    ),
    "nan": (["--box-lps", "nan,0,0,5,5,5"], "box-lps must be finite, got nan,0,0,5,5,5"),
    "inf": (["--box-ijk", "0,0,0,inf,5,5"], "box-ijk must be finite, got 0,0,0,inf,5,5"),
    "outside": (
        ["--box-ijk", "0,0,25,5,5,30", "--label", "lesion"],
        (
            "box of label lesion lies outside the volume: ijk 0,0,25,5,5,30, but the volume has "
            "i 0 to 255, j 0 to 255, k 0 to 24 (LPS mm x -100.0 to 100.0, y -100.0 to 100.0, "
            "z -81.2 to 81.2)"
        ),
    ),
    "preset": (
        ["--box-ijk", LESION, "--preset", "lungs", "--modality", "CT"],
        "unknown preset: lungs (known: soft, brain, mediastinum, lung-medsam, lung)",
    ),
    "window": (
        ["--box-ijk", LESION, "--window", "400"],
        "window and level go together, got window 400.0 and level None",
    ),
}


@pytest.mark.parametrize("case", SEGMENT_ERRORS)
def test_wrong_options(case, brain, segmenter, tmp_path, error_of):
    options, expected = SEGMENT_ERRORS[case]
    out = tmp_path / "a.nii"
    assert error_of("segment", brain, "-o", out, *options) == expected
    assert list(tmp_path.iterdir()) == []
    assert segmenter.calls == []


def test_no_such_file(segmenter, tmp_path, error_of):
    source, out = tmp_path / "none.nii", tmp_path / "a.nii"
    expected = "no such file: the input"
    assert error_of("segment", source, "-o", out, "--box-ijk", LESION) == expected
    assert error_of("info", source) == expected


def test_constant_image(segmenter, tmp_path, error_of):
    source = tmp_path / "flat.nii"
    nibabel.save(nibabel.Nifti1Image(np.full((5, 6, 7), 3, np.int16), np.eye(4)), source)
    assert error_of("segment", source, "-o", tmp_path / "a.nii", "--box-ijk", "0,0,0,2,2,2") == (
        "constant image: every voxel is 3, there is nothing to segment"
    )


def test_one_voxel_per_slice(segmenter, tmp_path):
    source, out = tmp_path / "thin.nii", tmp_path / "a.nii"
    values = np.arange(1, 8, dtype=np.int16).reshape(1, 1, 7)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), source)
    result = invoke("segment", source, "-o", out, "--box-ijk", "0,0,2,0,0,4")
    assert result.exit_code == 0, result.output
    assert np.asarray(nibabel.load(out).dataobj).ravel().tolist() == [0, 0, 1, 1, 1, 0, 0]


def test_outputs_that_cannot_be_written(brain, segmenter, tmp_path, error_of):
    box = ("--box-ijk", LESION)
    missing = tmp_path / "none" / "a.nii"
    assert error_of("segment", brain, "-o", missing, *box) == (
        f"no such folder for the output: {missing.parent} (make it first)"
    )
    assert error_of("segment", brain, "-o", tmp_path / "a.png", *box) == (
        "unknown format for a segmentation: a.png (known suffixes: .seg.nrrd, .rtstruct.dcm, "
        ".sr.dcm, .nii.gz, .nii, .nrrd, .mha, .npz, .seg.dcm, .dcm; or name formats: nifti, nrrd, "
        "seg.nrrd, dicom_seg, dicom_rtstruct, dicom_sr, mha, npz)"
    )
    there = tmp_path / "there.nii"
    there.write_text("kept")
    assert error_of("segment", brain, "-o", there, *box) == (
        f"output exists: {there} (give --overwrite to replace it)"
    )
    assert there.read_text() == "kept"
    assert invoke("segment", brain, "-o", there, *box, "--overwrite").exit_code == 0
    picture = tmp_path / "there.png"
    picture.write_text("kept")
    out = tmp_path / "b.nii"
    assert error_of("segment", brain, "-o", out, *box, "--overlay", picture) == (
        f"output exists: {picture} (give --overwrite to replace it)"
    )


@pytest.mark.parametrize("name", ["x.txt", "x.jpg", "x", "x.png.txt"])
def test_a_picture_of_another_suffix_is_refused_before_the_work(
    name, brain, segmenter, tmp_path, error_of
):
    arguments = ("segment", brain, "-o", tmp_path / "a.nii", "--box-ijk", LESION)
    suffix = Path(name).suffix or "no suffix"
    said = error_of(*arguments, "--overlay", tmp_path / name)
    assert said == f"a picture is written as .png, got {suffix}"
    assert segmenter.calls == []
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("quiet", [True, False])
def test_the_terminal_shows_words_for_the_names_of_inputs(quiet, tmp_path, capsys):
    with privacy.unnamed({tmp_path / "DOE.nii": "the input"}):
        terminal = Terminal(quiet=quiet)
        terminal.note(f"cannot read {tmp_path / 'DOE.nii'}")
        with terminal.progress("slices", 3) as advance:
            advance(3)
    shown = capsys.readouterr().err
    assert "DOE" not in shown
    assert ("cannot read the input" in shown) is not quiet
