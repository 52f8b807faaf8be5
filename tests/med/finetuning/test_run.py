"""From a list of volumes to a tuned file, with a small network."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from lessons import BASE
from small_networks import learning_network

from sam_common.errors import GeometryError, InputError
from sam_common.network.architecture import ARCHITECTURES
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.predictor import segmenter_of
from sam_common.training import job as job_module
from sam_common.training.job import TrainingJob
from sam_common.training.options import TrainingOptions
from sam_common.training.run import Finetuned
from sam_med.finetuning.run import FinetuneRequest, dry_run_finetune, finetune, run_finetune

QUICK = TrainingOptions(epochs=1, patience=1, views=1)
BOXES = Capabilities(points=False, boxes=True, masks=False, multimask=False)


class Found:
    tuned = None
    architecture = ARCHITECTURES["tiny_vit_256"]
    name, arch, sha256, licence, capabilities = "small", "tiny_vit_256", BASE.sha256, "MIT", BOXES

    def load(self):
        return learning_network(7)


def save(path, array):
    nibabel.save(nibabel.Nifti1Image(array, np.diag([-1.0, -1, 2, 1])), path)


@pytest.fixture
def request_of(tmp_path, monkeypatch):
    """A request on one volume with two objects, whose file bears a name."""
    monkeypatch.setattr(job_module, "locate", lambda _name, _arch: Found())
    monkeypatch.setattr(
        job_module,
        "load_segmenter",
        lambda _name, **_: segmenter_of(
            learning_network(7), name="small", sha256=BASE.sha256, capabilities=BOXES
        ),
    )
    i, j, k = np.ogrid[:40, :36, :32]
    labels = np.zeros((40, 36, 32), np.uint8)
    for value, (x, y) in enumerate(((10, 12), (28, 22)), start=1):
        labels[((i - x) ** 2 + (j - y) ** 2 <= 36) & (k > 2) & (k < 30)] = value
    rng = np.random.default_rng(0)
    save(
        tmp_path / "DOE_JANE.nii.gz",
        (labels * 40 + rng.integers(0, 9, labels.shape)).astype(np.int16),
    )
    save(tmp_path / "seg.nii.gz", labels)
    (tmp_path / "list.csv").write_text("input,labels\nDOE_JANE.nii.gz,seg.nii.gz\n")

    def make(names=(), **more):
        job = TrainingJob(
            output=tmp_path / "mine.safetensors", model="small", options=QUICK, **more
        )
        return FinetuneRequest(examples=tmp_path / "list.csv", job=job, names=names)

    return make


def test_organs_are_taught_and_no_name_gets_into_the_model(request_of, monkeypatch, tmp_path):
    monkeypatch.setattr(Finetuned, "is_better", True)
    record = run_finetune(request_of())
    assert record["data"]["split"] == "slabs of slices of the same volumes"
    assert set(record["figures"]) == {"boxes"}
    assert record["output"] == str(tmp_path / "mine.safetensors")
    for path in tmp_path.glob("mine.*"):
        assert b"DOE" not in path.read_bytes()


def test_some_objects_only(request_of):
    one, both = (dry_run_finetune(request_of(names)) for names in (("2",), ()))
    assert 2 * sum(one["objects"].values()) == sum(both["objects"].values())
    with pytest.raises(InputError) as caught:
        dry_run_finetune(request_of(("liver",)))
    assert str(caught.value) == "case 1 of the list: its labels have none of liver (they have 1, 2)"


def test_a_name_that_no_volume_has_is_told(request_of):
    with pytest.raises(InputError) as caught:
        dry_run_finetune(request_of(("2", "liver")))
    assert str(caught.value) == "no volume of the list has labels called liver"


def test_the_volume_that_cannot_be_used_is_named(request_of, tmp_path):
    """Of many in a list, on which neither reader nor grid would tell."""
    request_of()
    (tmp_path / "list.csv").write_text(
        "input,labels\nDOE_JANE.nii.gz,seg.nii.gz\nDOE_JANE.nii.gz,half.nii.gz\n"
    )
    save(tmp_path / "half.nii.gz", np.ones((20, 18, 16), np.uint8))
    with pytest.raises(GeometryError) as caught:
        dry_run_finetune(request_of())
    assert str(caught.value) == (
        "case 2 of the list: the grids differ: 40 x 36 x 32 and 20 x 18 x 16 voxels (both have to "
        "be of the same volume, voxel on voxel)"
    )


def test_an_empty_label_map(request_of, tmp_path):
    save(tmp_path / "seg.nii.gz", np.zeros((40, 36, 32), np.uint8))
    with pytest.raises(InputError) as caught:
        dry_run_finetune(request_of())
    assert str(caught.value) == "case 1 of the list: its labels are empty: every voxel is 0"


def test_one_call(request_of, tmp_path):
    request_of()
    record = finetune(
        tmp_path / "list.csv",
        tmp_path / "m.safetensors",
        model="small",
        options=QUICK,
        keep_anyway=True,
    )
    assert record["output"] == str(tmp_path / "m.safetensors")
