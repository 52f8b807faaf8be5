"""Detectors of transformers with seeded weights: what they take, and what they keep."""

from __future__ import annotations

import numpy as np
import pytest
from detector_models import built

from sam_common.errors import PromptError

IMAGE = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)


@pytest.fixture(scope="module", params=["grounding-dino", "owlv2", "sam3"])
def detector(request):
    return built(request.param)


def test_boxes_lie_in_the_image_best_first(detector):
    found = detector.boxes_of(IMAGE, ["solar panel", "car"], threshold=0.0)
    assert len(found) > 0
    assert (np.diff(found.scores) <= 0).all()
    assert set(found.phrases.tolist()) <= {0, 1}
    assert (found.boxes_xyxy >= -0.5).all()
    assert (found.boxes_xyxy <= [89.5, 59.5, 89.5, 59.5]).all()
    assert (found.boxes_xyxy[:, 2:] > found.boxes_xyxy[:, :2]).all()


def test_a_higher_threshold_leaves_boxes_out(detector):
    every = detector.boxes_of(IMAGE, ["car"], threshold=0.0)
    middle = float(np.median(every.scores))
    some = detector.boxes_of(IMAGE, ["car"], threshold=middle)
    assert 0 < len(some) < len(every)
    assert some.scores.min() > middle


def test_words_change_what_is_found(detector):
    # each phrase has its score: exchanged phrases exchange their numbers
    ahead = detector._scored(IMAGE, detector._text(("solar panel", "car")))[1]
    back = detector._scored(IMAGE, detector._text(("car", "solar panel")))[1]
    assert ahead.shape == back.shape
    assert float((ahead - back).abs().max()) > 0


def test_the_text_is_encoded_once_for_all_images(detector, monkeypatch):
    seen = []
    encoded = detector._encoded
    monkeypatch.setattr(detector, "_encoded", lambda text: seen.append(text) or encoded(text))
    for _ in range(3):
        detector.boxes_of(IMAGE, ["green roof"])
    detector.boxes_of(IMAGE, ["car"])
    assert seen == [("green roof",), ("car",)]


def test_bert_runs_once_for_all_images():
    dino = built("grounding-dino")
    before = dino.boxes_of(IMAGE, ["car"], threshold=0.0)
    after = dino.boxes_of(IMAGE, ["car"], threshold=0.0)
    assert dino._model.model.text_backbone.runs == 1
    assert before.boxes_xyxy.tolist() == after.boxes_xyxy.tolist()
    dino.boxes_of(IMAGE, ["green roof"], threshold=0.0)
    assert dino._model.model.text_backbone.runs == 2


def test_a_text_of_too_many_words_is_refused(detector):
    with pytest.raises(PromptError, match="tokens, but seeded takes"):
        detector.check_text(["solar panel " * 40])
    with pytest.raises(PromptError, match="is empty"):
        detector.boxes_of(IMAGE, [" "])


def test_a_full_stop_alone_is_no_phrase_for_grounding_dino():
    with pytest.raises(PromptError, match="has no words"):
        built("grounding-dino").check_text(["..."])


def test_scores_are_those_of_a_phrase_however_many_others_are_asked_for():
    # OWLv2 and SAM 3 embed each phrase by itself
    for kind in ("owlv2", "sam3"):
        detector = built(kind)
        alone = detector._scored(IMAGE, detector._text(("car",)))[1].amax(dim=0)
        both = detector._scored(IMAGE, detector._text(("green roof", "car")))[1].amax(dim=0)
        assert float((alone[0] - both[1]).abs()) < 1e-5
