"""Detectors from a folder, and what is said where they cannot be had."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from sam_common.detectors.load import check_installed, load_detector
from sam_common.errors import CheckpointError, InputError, ModelError
from sam_common.sam2 import library
from sam_common.support.files import sha256_of

IMAGE = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)


def saved(folder, kind):
    import detector_models as made

    model, tokenizer = {
        "grounding-dino": (made.grounding_dino, made.bert_tokenizer),
        "owlv2": (made.owlv2, made.clip_tokenizer),
        "sam3": (made.sam3, lambda: made.clip_tokenizer(32)),
    }[kind]
    return made.save(model(), tokenizer(), folder)


@pytest.mark.parametrize("kind", ["grounding-dino", "owlv2", "sam3"])
def test_a_saved_detector_finds_what_it_found_before(tmp_path, kind):
    from detector_models import built

    folder = saved(tmp_path / kind, kind)
    loaded = load_detector(folder, device="cpu")
    ours = built(kind).boxes_of(IMAGE, ["solar panel", "car"], threshold=0.0)
    theirs = loaded.boxes_of(IMAGE, ["solar panel", "car"], threshold=0.0)
    np.testing.assert_allclose(theirs.boxes_xyxy, ours.boxes_xyxy, atol=1e-3)
    assert theirs.phrases.tolist() == ours.phrases.tolist()
    assert (loaded.name, len(loaded.sha256)) == (kind, 64)


def test_without_transformers_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(library, "is_installed", lambda: False)
    with pytest.raises(ModelError, match=r'no detector is installed.*pip install "sam-geomed\[hf'):
        check_installed("owlv2_base")
    with pytest.raises(ModelError, match="no detector is installed"):
        load_detector("owlv2_base")


def test_a_folder_without_its_tokenizer_is_refused(tmp_path):
    folder = saved(tmp_path / "mine", "owlv2")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(InputError, match="has no tokenizer"):
        load_detector(folder, device="cpu")


def test_tensors_that_are_missing_are_told(tmp_path):
    folder = saved(tmp_path / "mine", "owlv2")
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors.pop("box_head.dense0.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks 1 tensors .* box_head\.dense0\.weight"):
        load_detector(folder, device="cpu")


def test_sizes_that_do_not_fit_are_refused(tmp_path):
    folder = saved(tmp_path / "mine", "owlv2")
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["hidden_size"] = 32
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="does not hold a Owlv2ForObjectDetection"):
        load_detector(folder, device="cpu")


@pytest.fixture
def sent(tmp_path, monkeypatch):
    """A folder of a detector, and the detector as it is sent to other processes."""
    folder = saved(tmp_path / "mine", "owlv2")
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(load_detector("mine", device="cpu"))
    monkeypatch.chdir("/")
    return folder, data


def test_another_process_loads_the_same_from_its_folder(sent):
    folder, data = sent
    # a path and a sha256, and no weights
    assert len(data) < 1_000
    again = pickle.loads(data)  # noqa: S301  # bytes of our own
    here = load_detector(folder, device="cpu")
    assert (again.name, again.sha256, again.device) == (here.name, here.sha256, "cpu")
    found, expected = (d.boxes_of(IMAGE, ["solar panel"], threshold=0.0) for d in (again, here))
    assert len(found) > 0
    assert np.array_equal(found.boxes_xyxy, expected.boxes_xyxy)
    assert np.array_equal(found.scores, expected.scores)
    # and sends it on
    assert pickle.dumps(again) == data


def test_a_published_detector_is_sent_by_its_name(sent, monkeypatch):
    from sam_common.detectors import catalogue, folder, load

    own, _ = sent
    known = dict(catalogue.detectors())
    info = catalogue.DetectorInfo("mine", "", "a/b", None, None, "", "")
    for module in (folder, load):
        monkeypatch.setattr(module, "detectors", lambda: {**known, "mine": info})
    monkeypatch.setattr(folder, "detector_info", lambda _name: info)
    monkeypatch.setattr(folder, "detector_cache", lambda _name: own)
    data = pickle.dumps(load_detector("mine", device="cpu"))
    assert str(own).encode() not in data
    assert pickle.loads(data).name == "mine"  # noqa: S301  # bytes of our own


def test_another_process_has_other_weights_or_no_folder(sent):
    folder, data = sent
    from safetensors.torch import load_file, save_file

    before = sha256_of(folder / "model.safetensors")
    tensors = load_file(folder / "model.safetensors")
    tensors["box_head.dense0.bias"] += 1
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError) as told:
        pickle.loads(data)  # noqa: S301  # bytes of our own
    after = sha256_of(folder / "model.safetensors")
    assert str(told.value) == (
        f"{folder} has sha256 {after} here, and {before} where the job began: give both the same "
        f"files"
    )
    folder.rename(folder.with_name("moved"))
    with pytest.raises(InputError) as told:
        pickle.loads(data)  # noqa: S301  # bytes of our own
    assert str(told.value) == f"no such folder of a detector here: {folder}"


def test_a_network_in_memory_cannot_be_sent():
    from detector_models import built

    with pytest.raises(ModelError) as told:
        pickle.dumps(built("owlv2"))
    assert str(told.value) == (
        'detector "seeded" was made in this process, and others cannot load it: save it with its '
        "tokenizer to a folder and give that to load_detector"
    )
