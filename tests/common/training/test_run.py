from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from lessons import BASE, lesson_of
from small_networks import learning_network

from sam_common.errors import InputError
from sam_common.masks.region_overlap import region_iou
from sam_common.segmenter import located
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.predictor import segmenter_of
from sam_common.training import run as module
from sam_common.training.answers import answers
from sam_common.training.checkpoint_file import TrainingState
from sam_common.training.options import TrainingOptions
from sam_common.training.run import Base, Lesson, finetune
from sam_common.tuned.delta import apply_delta

QUICK = TrainingOptions(epochs=2, patience=2, views=2, learning_rate=1e-3, rank=2)


@pytest.fixture
def teach(tmp_path, small_base, monkeypatch):
    """A run that keeps its last epoch, so that something was learned."""
    segmenter, network = small_base
    monkeypatch.setattr(TrainingState, "best_epoch", property(lambda state: state.history[-1]))

    def run(options=QUICK, lesson=None, folder="parts", base=BASE):
        return finetune(
            lesson or lesson_of(),
            base,
            network(),
            segmenter=segmenter,
            options=options,
            folder=tmp_path / folder,
        )

    return run


@pytest.mark.parametrize("parts", ["decoder", "encoder"])
def test_the_figures_are_those_of_the_delta(teach, parts):
    found = teach(replace(QUICK, parts=parts))
    assert any(value.any() for name, value in found.delta.items() if "low_rank_a" not in name)
    network = apply_delta(learning_network(7), found.delta, source="the delta")
    after = segmenter_of(network, name="after", sha256=BASE.sha256, capabilities=BASE.capabilities)
    image = lesson_of().images[0]
    embedding = after.embed(image.load())
    overlaps = []
    wanted = [one.mask for one in image.of("judge")]
    for kind in ("boxes", "points"):
        given = answers(after, embedding, wanted, kind)
        overlaps.append(np.mean([region_iou(*pair) for pair in zip(wanted, given, strict=True)]))
    figures = found.card["figures"]
    assert [figures[kind]["after"] for kind in ("boxes", "points")] == pytest.approx(overlaps)
    assert found.card["parts"] == [parts]
    assert json.loads(json.dumps(found.card, allow_nan=False)) == found.card


def test_equal_runs_give_equal_deltas(teach):
    one, other = teach(folder="a"), teach(folder="b")
    assert one.delta.keys() == other.delta.keys()
    assert all(torch.equal(one.delta[name], other.delta[name]) for name in one.delta)
    assert one.card["history"] == other.card["history"]
    assert one.card["data"]["objects"] == {"learn": 4, "stop": 3, "judge": 5}


def test_a_run_goes_on_from_its_folder(teach, monkeypatch):
    whole = teach(folder="a")

    def interrupted(course, state, advance):
        if state.history[-1].number == 1:
            raise KeyboardInterrupt
        return done(course, state, advance)

    done = module.run_epoch
    monkeypatch.setattr(module, "run_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        teach(folder="b")
    monkeypatch.setattr(module, "run_epoch", done)
    resumed = teach(folder="b")
    assert all(torch.equal(whole.delta[name], resumed.delta[name]) for name in whole.delta)


def test_a_folder_of_another_run_is_refused(teach, tmp_path):
    teach()
    with pytest.raises(InputError) as caught:
        teach(replace(QUICK, seed=1))
    assert str(caught.value) == (
        f"{tmp_path / 'parts'} belongs to another run (seed differ): delete it, or run with the "
        f"same inputs and options"
    )


def test_too_few_objects_are_told_before_any_work(teach, tmp_path):
    lesson = lesson_of(("learn",) * 12)
    with pytest.raises(InputError, match="too few objects: 12"):
        teach(lesson=lesson)
    assert not (tmp_path / "parts").exists()


def test_prompts_that_the_base_does_not_take(teach, tmp_path):
    boxes = Capabilities(points=False, boxes=True, masks=False, multimask=False)
    with pytest.raises(InputError) as caught:
        teach(replace(QUICK, prompts=("points",)), base=replace(BASE, capabilities=boxes))
    assert str(caught.value) == "small takes boxes only, not points"
    assert not (tmp_path / "parts").exists()


def test_a_tuned_model_is_no_base(tmp_path):
    tuned = located.LocatedWeights(
        "mine", tmp_path, "vit_b", "0" * 64, BASE.capabilities, "MIT", tuned=_Info("mobile_sam")
    )
    with pytest.raises(InputError, match="mine is itself tuned: tune its base mobile_sam"):
        Base.of(tuned)
    assert Base.of(replace(tuned, tuned=None)).licence == "MIT"


class _Info:
    def __init__(self, base):
        self.base = base


def test_a_lesson_says_what_it_is_of():
    lesson = lesson_of()
    assert isinstance(lesson, Lesson)
    assert lesson.described() == {
        "objects": {"learn": 4, "stop": 3, "judge": 5},
        "images": 1,
        "source": "discs",
        "split": "by hand",
    }
