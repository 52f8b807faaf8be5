from __future__ import annotations

import pytest
import torch
from cards import CARD
from safetensors.torch import save_file

from sam_common.errors import InputError, OutputError
from sam_common.server.sessions.models import Models
from sam_common.tuned import catalogue
from sam_common.tuned.tuned_file import write_delta


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "mine.safetensors"
    write_delta(path, {"difference:a": torch.ones(1)}, CARD)
    return path


def test_a_name_leads_to_the_copy(mine):
    assert catalogue.named() == {}
    path = catalogue.add(mine, "roofs-2")
    assert path.read_bytes() == mine.read_bytes()
    assert catalogue.find("roofs-2").base == "mobile_sam"
    assert list(catalogue.named()) == ["roofs-2"]
    assert catalogue.find("other") is None
    assert catalogue.add(mine).stem == "mine"


def test_no_path_is_a_name(mine):
    catalogue.add(mine)
    for name in ("../tuned/mine", "mine.safetensors", "", "a" * 65, str(mine)):
        assert catalogue.find(name) is None
        with pytest.raises(InputError, match="a name of a model is made of letters"):
            catalogue.add(mine, name)


def test_names_are_given_once(mine, tmp_path):
    catalogue.add(mine)
    with pytest.raises(OutputError) as caught:
        catalogue.add(mine)
    assert str(caught.value) == (
        'there is a tuned model "mine": give another name (--name), or replace it (--overwrite)'
    )
    catalogue.add(mine, overwrite=True)
    with pytest.raises(OutputError, match='"lite_medsam" is a published model'):
        catalogue.add(mine, "lite_medsam")
    plain = tmp_path / "plain.safetensors"
    save_file({"a": torch.ones(1)}, plain)
    with pytest.raises(InputError, match="is no tuned model"):
        catalogue.add(plain)


def test_a_name_is_checked_before_there_is_a_file(mine):
    target = catalogue.check_name("roofs")
    assert not target.exists()
    assert catalogue.add(mine, "roofs") == target
    with pytest.raises(OutputError, match='there is a tuned model "roofs"'):
        catalogue.check_name("roofs")
    assert catalogue.check_name("roofs", overwrite=True) == target


def test_hosts_choose_a_tuned_model_by_name(mine):
    catalogue.add(mine, "roofs")
    models = Models(lambda name: name)
    about = models.describe()[-1]
    assert (about["name"], about["title"]) == ("roofs", "tuned from mobile_sam")
    assert about["prompts"] == ["boxes", "masks", "points"]
    assert models.get("roofs")._segmenter == "roofs"
