from __future__ import annotations

import json

import nibabel
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
