"""Which files a run writes, and what is refused before the work."""

from __future__ import annotations

import dataclasses
import re

import dicom_volumes
import pytest
from segment_phantoms import MADE_BY, overlapping

from sam_common.errors import OutputError
from sam_med.write import results
from sam_med.write.output_paths import check_targets, manifest_path, plan_targets


@pytest.mark.parametrize(
    ("name", "manifest"),
    [("a.b.nii.gz", "a.b.job.json"), ("A.NII.GZ", "A.job.json"), ("x.mha", "x.job.json")],
)
def test_the_manifest_lies_beside(name, manifest, tmp_path):
    assert manifest_path(tmp_path / name) == tmp_path / manifest


def test_existing_outputs_are_kept(tmp_path):
    path = tmp_path / "out.nii.gz"
    check_targets(path, overwrite=False)
    manifest = tmp_path / "out.job.json"
    manifest.write_text("{}")
    expected = f"output exists: {manifest} (give --overwrite to replace it)"
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        check_targets(path, overwrite=False)
    check_targets(path, overwrite=True)
    path.write_text("")
    expected = f"output exists: {path} (give --overwrite to replace it)"
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        check_targets(path, overwrite=False)


def test_metaimage_refuses_a_tilt_before_the_work(data, tmp_path):
    volume = dicom_volumes.build("ct_head_gantry_tilt_uneven", data)
    with pytest.raises(OutputError, match=r"^cannot write out\.mha: MetaImage holds perpendicular"):
        check_targets(tmp_path / "out.mha", overwrite=True, volume=volume)


def test_dicom_results_need_a_dicom_source_before_the_work(phantom, tmp_path):
    expected = (
        "cannot write dicom_seg: it refers to DICOM images, and the input is none (give the DICOM "
        "series as input, or choose nifti, nrrd, seg.nrrd, mha or npz)"
    )
    with pytest.raises(OutputError, match=f"^{re.escape(expected)}$"):
        check_targets(tmp_path / "out.dcm", overwrite=True, volume=phantom)


def test_nothing_is_written_over_the_source_or_into_its_folder(phantom, data, tmp_path):
    series = tmp_path / "series"
    series.mkdir()
    inside = series / "deeper"
    inside.mkdir()
    source = tmp_path / "ct.nii.gz"
    source.touch()
    folder = dataclasses.replace(phantom, source=series, files=(series / "1.dcm",))
    for path in (series / "out.nii.gz", inside / "out.nii.gz", inside / ".." / "out.nii.gz"):
        expected = "the output lies in the folder of the input: choose another one"
        with pytest.raises(OutputError, match=f"^{re.escape(expected)}"):
            check_targets(path, overwrite=True, volume=folder)
        with pytest.raises(OutputError, match=f"^{re.escape(expected)}"):
            results.write_outputs(overlapping(phantom.shape), folder, path, (), MADE_BY)
    file = dataclasses.replace(phantom, source=source, files=(source,))
    (tmp_path / "hard.nii.gz").hardlink_to(source)
    (tmp_path / "soft.nii.gz").symlink_to(source)
    for name in ("ct.nii.gz", "hard.nii.gz", "soft.nii.gz", "CT.nii.gz"):
        with pytest.raises(OutputError, match=r"^the output is an input: give another name"):
            check_targets(tmp_path / name, overwrite=True, volume=file)
    check_targets(tmp_path / "out.nii.gz", overwrite=True, volume=file)
    assert source.stat().st_size == 0


def test_no_two_files_of_a_run_are_one(tmp_path):
    for name in ("a.nii.gz", "A.NII.GZ", "a.job.json"):
        with pytest.raises(OutputError, match=r"^two outputs are one file: "):
            check_targets(tmp_path / "a.nii.gz", overwrite=True, others=[tmp_path / name])
    other = [tmp_path / "a.html"]
    check_targets(tmp_path / "a.nii.gz", overwrite=True, others=other)
    with pytest.raises(OutputError, match=r"^the output is an input: "):
        check_targets(tmp_path / "a.nii.gz", overwrite=True, others=other, inputs=other)


def test_manifests_of_two_results_with_one_stem_lie_side_by_side(phantom, tmp_path):
    def run(*names):
        paths = [tmp_path / name for name in names]
        record = manifest_path(*paths)
        for path in paths:
            path.touch()
        results.write_manifest({"written": list(names)}, record)
        return record.name

    assert run("a.nii.gz", "a.seg.dcm") == "a.job.json"
    assert run("a.nrrd") == "a.nrrd.job.json"
    assert run("a.nii.gz", "a.seg.dcm") == "a.job.json"
    assert run("A.mha") == "A.mha.job.json"
    assert run("a.nii.gz") == "a.nii.gz.job.json"
    assert run("b.nii.gz") == "b.job.json"
    (tmp_path / ".c.nrrd.lock").touch()
    assert run("c.nii") == "c.nii.job.json"
    (tmp_path / "d.job.json").write_text("no record")
    assert run("d.nii") == "d.job.json"


@pytest.mark.parametrize(
    ("output", "formats", "expected"),
    [
        ("a.nii", [], {"nifti": "a.nii"}),
        ("a.dcm", [], {"dicom_seg": "a.dcm"}),
        ("a.rtstruct.dcm", [], {"dicom_rtstruct": "a.rtstruct.dcm"}),
        ("a.seg.nrrd", [], {"seg.nrrd": "a.seg.nrrd"}),
        ("a.NRRD", [], {"nrrd": "a.NRRD"}),
        ("a.dcm", ["dicom_rtstruct"], {"dicom_rtstruct": "a.dcm"}),
        ("a", ["mha"], {"mha": "a.mha"}),
        ("a.nii.gz", ["npz", "nifti"], {"npz": "a.npz", "nifti": "a.nii.gz"}),
        ("", ["dicom_seg"], {"dicom_seg": "segmentation.seg.dcm"}),
        (
            "a",
            ["dicom_seg", "dicom_sr"],
            {"dicom_seg": "a.seg.dcm", "dicom_sr": "a.sr.dcm"},
        ),
    ],
)
def test_targets_by_hand(output, formats, expected, tmp_path):
    found = plan_targets(tmp_path / output, formats)
    assert {name: path.name for name, path in found.items()} == expected
    assert {path.parent for path in found.values()} == {tmp_path}


@pytest.mark.parametrize(
    ("output", "formats", "reason"),
    [
        ("a", ["dicom_sr", "nifti"], "dicom_sr measures the DICOM SEG of the same run: ask for"),
        ("a.sr.dcm", [], "dicom_sr measures the DICOM SEG of the same run: ask for dicom_seg too"),
        ("a", ["png"], "unknown format: png (known: nifti, nrrd, seg.nrrd, dicom_seg, "),
        ("a.mha", ["nifti"], "a.mha does not have the suffix of nifti: .nii.gz or .nii"),
        ("a.seg.nrrd", ["dicom_seg"], "a.seg.nrrd does not have the suffix of dicom_seg: "),
    ],
)
def test_targets_that_make_no_sense(output, formats, reason, tmp_path):
    with pytest.raises(OutputError, match=f"^{re.escape(reason)}"):
        plan_targets(tmp_path / output, formats)
