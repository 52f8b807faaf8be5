from __future__ import annotations

import json

import pytest
import torch
from cards import CARD
from safetensors.torch import load_file, save_file

from sam_common.errors import CheckpointError
from sam_common.tuned.tuned_file import read_info, side_files, write_cards, write_delta


def test_a_tuned_file_knows_its_base(tmp_path):
    path = tmp_path / "mine.safetensors"
    delta = {"difference:a": torch.ones(2, dtype=torch.float16)}
    write_delta(path, delta, CARD)
    info = read_info(path)
    assert (info.base, info.base_sha256, info.arch) == ("mobile_sam", "ab" * 32, "tiny_vit_1024")
    assert not info.tunes_encoder
    assert info.card == CARD
    assert torch.equal(load_file(path)["difference:a"], delta["difference:a"])
    first = path.read_bytes()
    write_delta(path, delta, CARD)
    assert path.read_bytes() == first


def test_other_files_are_no_tuned_models(tmp_path):
    plain, text, other = (tmp_path / name for name in ("a.safetensors", "b.safetensors", "c.pth"))
    save_file({"a": torch.ones(1)}, plain)
    text.write_text("no safetensors at all")
    other.write_text("x")
    assert [read_info(path) for path in (plain, text, other)] == [None, None, None]


def test_a_card_of_another_version_or_a_damaged_one(tmp_path):
    path = tmp_path / "mine.safetensors"
    save_file({"a": torch.ones(1)}, path, {"sam_geomed_tuned": '{"version": 2, "card": {}}'})
    with pytest.raises(
        CheckpointError, match="is a tuned model of version 2, this program knows 1"
    ):
        read_info(path)
    for content in ("{", "[]", json.dumps({"version": 1, "card": {"base": {"name": "x"}}})):
        save_file({"a": torch.ones(1)}, path, {"sam_geomed_tuned": content})
        with pytest.raises(CheckpointError, match="has a damaged model card"):
            read_info(path)


def test_cards_lie_beside(tmp_path):
    path = tmp_path / "mine.safetensors"
    write_cards(path, CARD)
    for_programs, for_people = side_files(path)
    assert json.loads(for_programs.read_text()) == CARD
    assert for_people.read_text().startswith("# mine.safetensors\n")
