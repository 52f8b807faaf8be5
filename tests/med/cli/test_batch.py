from __future__ import annotations

import json

import nibabel
import numpy as np
from med_program import LESION, invoke


def test_batch_goes_on_after_a_failure_and_resumes(brain, segmenter, tmp_path):
    prompts = tmp_path / "p.json"
    box = [int(v) for v in LESION.split(",")]
    prompts.write_text(
        json.dumps(
            {
                "format": "sam-med-prompts",
                "version": 1,
                "space": "ijk",
                "objects": [{"label": "lesion", "value": 1, "box": box}],
            }
        )
    )
    listing = tmp_path / "list.csv"
    listing.write_text(
        "name,input,prompts,output,modality\n"
        f"bad,{tmp_path / 'none.nii'},p.json,bad.nii.gz,\n"
        f"good,{brain},p.json,good.nii.gz,MR\n"
    )
    result = invoke("batch", listing, "-o", tmp_path / "state", "--json")
    assert result.exit_code == 3
    bad, good = json.loads(result.stdout)
    assert (bad["status"], bad["message"]) == ("failed", "no such file: the input")
    assert (good["status"], good["objects"]) == ("done", 1)
    assert nibabel.load(tmp_path / "good.nii.gz").shape == (256, 256, 25)
    calls = len(segmenter.embedded)
    again = invoke("batch", listing, "-o", tmp_path / "state", "--resume", "--json")
    assert [row["status"] for row in json.loads(again.stdout)] == ["failed", "kept"]
    assert len(segmenter.embedded) == calls


def test_each_row_says_whose_voxels_a_later_object_takes(brain, segmenter, tmp_path):
    del segmenter
    i0, j0, k0, i1, j1, k1 = (int(v) for v in LESION.split(","))
    middle = (i0 + i1) // 2
    objects = [
        {"label": "lesion", "value": 1, "box": [i0, j0, k0, i1, j1, k1]},
        {"label": "cyst", "value": 2, "box": [middle, j0, k0, i1, j1, k1]},
    ]
    record = {"format": "sam-med-prompts", "version": 1, "space": "ijk", "objects": objects}
    (tmp_path / "p.json").write_text(json.dumps(record))
    listing = tmp_path / "list.csv"
    listing.write_text(
        "name,input,prompts,output,modality,overwrite_labels\n"
        f"row,{brain},p.json,row.nii.gz,MR,all\n"
        f"option,{brain},p.json,option.nii.gz,MR,\n"
        f"wrong,{brain},p.json,wrong.nii.gz,MR,some\n"
    )
    run = ("batch", listing, "-o", tmp_path / "state", "--overwrite-labels", "none", "--json")
    result = invoke(*run)
    rows = {row["case"]: row for row in json.loads(result.stdout)}
    found = {
        name: nibabel.load(tmp_path / f"{name}.nii.gz").get_fdata() for name in ("row", "option")
    }
    assert (found["row"] == 2).any()
    # the cyst lies inside of the lesion, which came first
    assert set(np.unique(found["option"])) == {0, 1}
    assert rows["wrong"]["message"] == "labels overwrite none, other, all, got 'some'"
