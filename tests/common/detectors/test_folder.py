"""Folders of detectors: read, copied into the cache, and asked of the Hub."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace

import pytest

from sam_common.detectors import catalogue, folder
from sam_common.detectors.folder import (
    adopt_detector,
    detector_cache,
    locate_detector,
    read_detector,
)
from sam_common.errors import (
    InputError,
    IntegrityError,
    ModelError,
    UnknownModelError,
    WeightsError,
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path / "cache"))


def made(path, kind="owlv2", weights=b"tensors"):
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"model_type": kind}))
    (path / "tokenizer.json").write_text("{}")
    (path / "vocab.txt").write_text("a")
    (path / "README.md").write_text("about")
    if weights is not None:
        (path / "model.safetensors").write_bytes(weights)
    return path


def test_a_folder_says_its_kind_and_the_hash_of_its_tensors(tmp_path):
    found = locate_detector(made(tmp_path / "mine"))
    assert (found.name, found.kind) == ("mine", "owlv2")
    assert found.sha256 == hashlib.sha256(b"tensors").hexdigest()


def test_what_is_wrong_with_a_folder_is_said(tmp_path):
    with pytest.raises(ModelError, match='of type "bert", which finds nothing by words'):
        read_detector(made(tmp_path / "a", kind="bert"), "a")
    with pytest.raises(InputError, match=r"has no model\.safetensors"):
        read_detector(made(tmp_path / "b", weights=None), "b")
    (tmp_path / "c").mkdir()
    with pytest.raises(InputError, match=r"no detector: it has no config\.json"):
        read_detector(tmp_path / "c", "c")
    (tmp_path / "c" / "config.json").write_text("{")
    with pytest.raises(InputError, match="cannot read"):
        read_detector(tmp_path / "c", "c")
    with pytest.raises(UnknownModelError, match="or the folder of one"):
        locate_detector(tmp_path / "nothing")


def test_a_folder_is_copied_into_the_cache_and_found_there(tmp_path):
    given = made(tmp_path / "carried")
    kept = adopt_detector("owlv2_base", given)
    assert kept == detector_cache("owlv2_base")
    names = {path.name for path in kept.iterdir()}
    assert names == {"config.json", "tokenizer.json", "vocab.txt", "model.safetensors"}
    found = locate_detector("owlv2_base")
    assert (found.name, found.path) == ("owlv2_base", kept)
    # again, by its file of tensors, over what lies there
    assert adopt_detector("owlv2_base", given / "model.safetensors") == kept


def test_tensors_that_are_not_the_published_ones_are_refused(tmp_path):
    given = made(tmp_path / "carried", kind="grounding-dino")
    with pytest.raises(IntegrityError, match="--detector"):
        adopt_detector("grounding_dino_tiny", given)
    assert not detector_cache("grounding_dino_tiny").exists()


def test_the_hub_is_asked_for_the_pinned_commit(tmp_path, monkeypatch):
    import huggingface_hub

    asked = []

    def snapshot_download(repository, revision, allow_patterns):
        asked.append((repository, revision, allow_patterns))
        return str(given)

    given = made(tmp_path / "snapshot")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert locate_detector("owlv2_base", quiet=True).path == given
    info = catalogue.detector_info("owlv2_base")
    assert asked == [(info.repository, info.revision, list(folder.WANTED))]


def test_of_a_gated_detector_the_message_says_how_to_get_a_token(monkeypatch):
    import httpx
    import huggingface_hub

    def refuse(*_, **__):
        answer = httpx.Response(403, request=httpx.Request("GET", "https://huggingface.co"))
        raise huggingface_hub.errors.GatedRepoError("gated", response=answer)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(WeightsError) as caught:
        locate_detector("sam3")
    told = str(caught.value)
    assert "accept its terms on https://huggingface.co/facebook/sam3" in told
    assert "hf auth login" in told
    assert "sam-common weights pull sam3 --from FOLDER" in told


def test_without_the_library_of_the_hub_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError, match=r'pip install "sam-geomed\[hf\]"'):
        locate_detector("owlv2_base")


def test_a_cached_detector_with_other_tensors_is_named(tmp_path, monkeypatch):
    adopt_detector("owlv2_base", made(tmp_path / "carried"))
    pinned = replace(catalogue.detector_info("owlv2_base"), sha256="1" * 64)
    monkeypatch.setattr(folder, "detector_info", lambda _name: pinned)
    with pytest.raises(IntegrityError, match="is not the published file of owlv2_base"):
        locate_detector("owlv2_base")
