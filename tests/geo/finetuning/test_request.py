from __future__ import annotations

import pytest

from sam_common.errors import InputError, OutputError
from sam_common.training.job import TrainingJob
from sam_geo.finetuning.request import FinetuneRequest


def request(tmp_path, **more):
    job = TrainingJob(output=tmp_path / "mine.safetensors", model="mobile_sam")
    (tmp_path / "image.tif").write_text("x")
    (tmp_path / "objects.gpkg").write_text("x")
    given = {"image": str(tmp_path / "image.tif"), "objects": tmp_path / "objects.gpkg", "job": job}
    return FinetuneRequest(**{**given, **more})


def test_inputs_are_there_and_are_no_outputs(tmp_path):
    request(tmp_path).check_files()
    with pytest.raises(InputError, match=r"other\.gpkg"):
        request(tmp_path, judge=tmp_path / "other.gpkg").check_files()
    job = TrainingJob(output=tmp_path / "objects.safetensors", model="mobile_sam", overwrite=True)
    curve = tmp_path / "objects.curve.png"
    curve.write_text("x")
    with pytest.raises(OutputError):
        request(tmp_path, image=str(curve), job=job).check_files()
