from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sam_common.errors import CheckpointError, InputError
from sam_common.network.checkpoint import Uninitialised, load_state, read_state
from sam_common.network.sam import build_sam
from tests.conftest import resident_bytes
from tests.oracles.random_weights import randomise


@pytest.fixture(scope="module")
def trained():
    """A network as `build_sam` makes it, with weights of its own."""
    return randomise(build_sam("tiny_vit_256"), 1)


@pytest.fixture
def state(trained):
    return dict(trained.state_dict())


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


SMALL = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(7)}


@pytest.mark.parametrize("name", ["own.pt", "own.pth", "own.safetensors", "own.bin"])
def test_tensors_by_name(tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".safetensors":
        save_file(SMALL, path)
    else:
        torch.save(SMALL, path)
    assert equal(read_state(path), SMALL)
    assert equal(read_state(str(path)), SMALL)


@pytest.mark.parametrize("key", ["model", "state_dict"])
def test_the_weights_in_a_training_checkpoint(tmp_path, key):
    torch.save({key: SMALL, "epoch": 3, "optimizer": {"lr": 1e-4}}, tmp_path / "last.pth")
    assert equal(read_state(tmp_path / "last.pth"), SMALL)


def test_a_file_is_mapped_and_not_read(tmp_path):
    many = {"big": torch.zeros(1 << 24)}
    torch.save(many, tmp_path / "big.pth")
    before = resident_bytes()
    state = read_state(tmp_path / "big.pth")
    assert resident_bytes() - before < 32 << 20
    assert float(state["big"].sum()) == 0
    assert resident_bytes() - before >= 64 << 20  # what is used is there


def test_a_file_older_than_zip_archives(tmp_path):
    torch.save(SMALL, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert equal(read_state(tmp_path / "old.pth"), SMALL)


def test_an_uninitialised_network_takes_the_tensors_of_a_checkpoint(trained, state, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "normal_", lambda *_: pytest.fail("initialised"))
        patch.setattr(torch.Tensor, "uniform_", lambda *_: pytest.fail("initialised"))
        with Uninitialised():
            network = build_sam("tiny_vit_256")
    load_state(network, state, source="own.pth").prepare_inference()
    pixels = torch.rand((1, 3, 256, 256), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = copy.deepcopy(trained).prepare_inference().image_encoder(pixels)
        assert torch.equal(network.image_encoder(pixels), expected)


def test_every_tensor_reaches_the_network(trained, state):
    network = load_state(build_sam("tiny_vit_256"), state, source="own.pth")
    assert equal(dict(network.state_dict()), dict(trained.state_dict()))


def test_half_precision_weights_become_float32(state):
    half = {key: t.half() if t.is_floating_point() else t for key, t in state.items()}
    network = load_state(build_sam("tiny_vit_256"), half, source="own.pth")
    assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_the_classifier_of_pre_training_is_left_out(trained, state):
    state["image_encoder.norm_head.weight"] = torch.zeros(320)
    state["image_encoder.head.weight"] = torch.zeros((1000, 320))
    network = load_state(build_sam("tiny_vit_256"), state, source="mobile_sam.pt")
    assert equal(dict(network.state_dict()), dict(trained.state_dict()))


NECK, TOKEN = "image_encoder.neck.0.weight", "mask_decoder.iou_token.weight"
FAULTS = {
    "missing": (lambda state: state.pop(TOKEN), f"1 keys missing: {TOKEN}"),
    "unexpected": (
        lambda state: state.update({"head.b": torch.zeros(1), "head.a": torch.zeros(1)}),
        "2 keys unexpected: head.a, head.b",
    ),
    "shape": (
        lambda state: state.update({NECK: torch.zeros((256, 64, 1, 1))}),
        f"1 keys of another shape: {NECK} (256, 64, 1, 1), not (256, 320, 1, 1)",
    ),
}


@pytest.mark.parametrize("kinds", [["missing"], ["unexpected"], ["shape"], [*FAULTS]])
def test_a_checkpoint_that_does_not_fit(state, kinds):
    network = build_sam("tiny_vit_256")
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    for kind in kinds:
        FAULTS[kind][0](state)
    with pytest.raises(CheckpointError) as caught:
        load_state(network, state, source="own.pth")
    faults = "; ".join(FAULTS[kind][1] for kind in kinds)
    assert str(caught.value) == f"own.pth does not fit this architecture: {faults}"
    assert equal(dict(network.state_dict()), before)


def test_the_checkpoint_of_another_architecture_lists_its_keys(trained, state):
    larger = build_sam("tiny_vit_1024").state_dict()
    differ = sorted(key for key in state if state[key].shape != larger[key].shape)
    assert differ == [
        "image_encoder.patch_embed.seq.0.c.weight",
        "image_encoder.patch_embed.seq.2.c.weight",
    ]
    with pytest.raises(CheckpointError) as caught:
        load_state(trained, dict(larger), source="mobile_sam.pt")
    assert str(caught.value) == (
        "mobile_sam.pt does not fit this architecture: 2 keys of another shape: "
        "image_encoder.patch_embed.seq.0.c.weight (32, 3, 3, 3), not (32, 3, 1, 1), "
        "image_encoder.patch_embed.seq.2.c.weight (64, 32, 3, 3), not (64, 32, 1, 1)"
    )


def test_no_such_file(tmp_path):
    with pytest.raises(InputError) as caught:
        read_state(tmp_path / "none.pth")
    assert str(caught.value) == f"no such file: {tmp_path / 'none.pth'}"


def cut(path, make):
    make(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


class Creator:
    """Makes a file when it is unpickled: what a hostile checkpoint would do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


FOREIGN = "it is of another kind, or holds more than tensors (then save its state_dict alone)"


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("half.pth", lambda path: cut(path, lambda p: torch.save(SMALL, p)), "PytorchStreamReader"),
        ("half.safetensors", lambda path: cut(path, lambda p: save_file(SMALL, p)), "Error while"),
        ("text.safetensors", lambda path: path.write_text("not a checkpoint"), "Error while"),
        ("empty.safetensors", lambda path: path.write_bytes(b""), "Error while"),
        ("empty.pth", lambda path: path.write_bytes(b""), "EOFError"),
        ("page.pth", lambda path: path.write_text("<!DOCTYPE html>"), FOREIGN),
        ("photo.pth", lambda path: path.write_bytes(b"GIF89a"), "unpack requires"),
        ("text.pth", lambda path: path.write_text("an odd text"), "pop from empty list"),
        ("hash.pth", lambda path: path.write_text("h1"), "49"),
    ],
)
def test_damaged_and_foreign_files(tmp_path, name, make, reason):
    path = tmp_path / name
    make(path)
    with pytest.raises(CheckpointError) as caught:
        read_state(path)
    assert str(caught.value).startswith(f"{path} is not a readable checkpoint: {reason}")


@pytest.mark.parametrize(
    "make",
    [
        lambda path, creator: path.write_bytes(pickle.dumps(creator, 2)),
        lambda path, creator: torch.save({"a": creator}, path),
    ],
    ids=["pickle", "zip"],
)
def test_a_checkpoint_runs_no_code(tmp_path, make):
    path = tmp_path / "hostile.pth"
    make(path, Creator(tmp_path / "owned"))
    with pytest.raises(CheckpointError) as caught:
        read_state(path)
    assert str(caught.value) == f"{path} is not a readable checkpoint: {FOREIGN}"
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ([1, 2], "list"),
        ({"epoch": 3}, "dict"),
        ({0: torch.zeros(2)}, "dict"),
        (torch.zeros(2), "Tensor"),
    ],
)
def test_files_without_a_table_of_tensors(tmp_path, content, kind):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(CheckpointError) as caught:
        read_state(tmp_path / "other.pth")
    assert str(caught.value) == f"{tmp_path / 'other.pth'} holds no table of tensors, got {kind}"
