"""What of a volume can be explored: a file, or voxels that say all of what is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from explorer_server import COMMAND

from sam_common.errors import InputError
from sam_common.notebook import explorer as module
from sam_med import Volume, explore, from_ras_affine

AFFINE = np.array([[0, -2.0, 0, 10], [1, 0, 0, 20], [0, 0.1, 3.0, 30], [0, 0, 0, 1]])


def volume():
    voxels = np.random.default_rng(0).integers(0, 200, (6, 20, 30)).astype(np.int16)
    return Volume(voxels, from_ras_affine(AFFINE), modality="MR")


def test_a_volume_in_memory_keeps_its_place(monkeypatch):
    monkeypatch.setattr(module, "COMMAND", COMMAND)
    given = volume()
    with explore(given, width=100, level=50, height=300) as shown:
        session = shown.session
        assert session.size == (6, 20, 30)
        i, j, k = 7, 5, 3
        place = np.array(session.frame["affine"]) @ [i, j, k, 1]
        assert place[:3] == pytest.approx(given.frame.to_world([k, j, i]))
        assert shown.labels.array.shape == (6, 20, 30)


@pytest.fixture
def no_server(monkeypatch):
    monkeypatch.setattr(module, "COMMAND", ("no such program",))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"inverted": True},
            "a Volume with dark high values is not explored from memory: give its path",
        ),
        (
            {"origins_lps": np.array([[0, 0, z] for z in (0, 1, 3, 4, 5, 6)], float)},
            "a Volume with unevenly spaced slices is not explored from memory: give its path",
        ),
    ],
)
def test_voxels_that_do_not_say_all_are_refused(no_server, more, said):
    with pytest.raises(InputError) as raised:
        explore(replace(volume(), **more))
    assert str(raised.value) == said


def test_a_volume_has_no_series_to_choose(no_server):
    with pytest.raises(InputError) as raised:
        explore(volume(), series=2)
    assert str(raised.value) == (
        "series and time choose in a file, got series=2, time=None for a Volume: give its path"
    )
