from __future__ import annotations

import functools
import json

import pytest
from lessons import ALL, BASE, lesson_of
from small_networks import learning_network

from sam_common.errors import InputError, OutputError
from sam_common.network.architecture import ARCHITECTURES
from sam_common.segmenter.predictor import segmenter_of
from sam_common.training import job as module
from sam_common.training.job import TrainingJob, dry_run_job, opened, run_job
from sam_common.training.options import TrainingOptions
from sam_common.training.run import Finetuned
from sam_common.tuned.tuned_file import read_info

QUICK = TrainingOptions(epochs=1, patience=1, views=1)


class Found:
    """What `locate` gives."""

    tuned = None
    architecture = ARCHITECTURES["tiny_vit_256"]
    name, arch, sha256, licence, capabilities = "small", "tiny_vit_256", BASE.sha256, "MIT", ALL

    def load(self):
        return learning_network(7)


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "locate", lambda _name, _arch: Found())
    monkeypatch.setattr(
        module,
        "load_segmenter",
        lambda _name, **_: segmenter_of(
            learning_network(7), name="small", sha256=BASE.sha256, capabilities=ALL
        ),
    )
    return functools.partial(
        TrainingJob, output=tmp_path / "mine.safetensors", model="small", options=QUICK
    )


def run(job):
    job.check_outputs([])
    with opened(job):
        return run_job(job, lesson_of())


@pytest.fixture
def better(monkeypatch):
    monkeypatch.setattr(Finetuned, "is_better", True)


def test_what_is_better_is_written_with_its_cards(job, better, tmp_path):
    record = run(job())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "mine.card.json",
        "mine.card.md",
        "mine.curve.png",
        "mine.safetensors",
    ]
    assert record["output"] == str(tmp_path / "mine.safetensors")
    assert len(record["judged"]) == 5
    card = json.loads((tmp_path / "mine.card.json").read_text())
    assert read_info(tmp_path / "mine.safetensors").card == card
    assert card["base"]["sha256"] == BASE.sha256


def test_what_is_not_better_is_not_written(job, tmp_path, monkeypatch):
    monkeypatch.setattr(Finetuned, "is_better", False)
    assert run(job())["output"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["mine.curve.png"]
    record = run(job(keep_anyway=True, overwrite=True))
    assert record["output"] is not None
    assert (tmp_path / "mine.safetensors").exists()


def test_outputs_are_checked(job, tmp_path):
    with pytest.raises(OutputError) as caught:
        job(output=tmp_path / "mine.pth").check_outputs([])
    assert str(caught.value) == "a tuned model ends in .safetensors, got mine.pth"
    (tmp_path / "mine.card.md").write_text("mine")
    with pytest.raises(OutputError, match=r"mine\.card\.md"):
        job().check_outputs([])
    job(overwrite=True).check_outputs([])
    with pytest.raises(OutputError):
        job(overwrite=True).check_outputs([tmp_path / "mine.curve.png"])


def test_an_interrupted_job_needs_resume(job, better, monkeypatch, tmp_path):
    def interrupt(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sam_common.training.run.run_epoch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(job())
    assert (tmp_path / "mine.safetensors.parts" / "state.safetensors").exists()
    with pytest.raises(OutputError, match="go on with it by --resume"):
        run(job())
    assert run(job(resume=True))["output"] is not None
    assert not (tmp_path / "mine.safetensors.parts").exists()


def test_a_dry_run_writes_nothing(job, tmp_path):
    facts = dry_run_job(job(), lesson_of())
    assert (facts["embeddings"], facts["embedding_bytes"], facts["prompts"]) == (1, 1 << 22, 4)
    assert facts["base_sha256"] == BASE.sha256
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="too few objects"):
        dry_run_job(job(), lesson_of(("learn",) * 12))
