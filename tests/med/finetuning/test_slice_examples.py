from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.window import Window
from sam_med.finetuning.slice_examples import LabelledVolume, parts_of_cases, slices_of
from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume
from sam_med.objects.segments import Segment
from sam_med.slices.window_level import choose_stretch

DIRECTION = (1, 0, 0, 0, 1, 0, 0, 0, 1)


@pytest.fixture
def case():
    """A ball of radius 10 mm in 40 x 30 x 32 voxels of 1 x 1 x 2 mm."""
    k, j, i = np.ogrid[:40, :30, :32]
    ball = ((k - 20) * 2.0) ** 2 + (j - 14) ** 2 + (i - 16) ** 2 <= 14**2
    array = (ball * 80 + 20).astype(np.int16)
    volume = Volume(array, frames.from_itk((0, 0, 0), (1, 1, 2), DIRECTION), modality="CT")
    inside = np.argwhere(ball)
    window = Window(tuple(inside.min(axis=0)), tuple(inside.max(axis=0) + 1))
    segment = Segment("ball", 1, window, ball[window.slices])
    return LabelledVolume("c1", volume, choose_stretch(volume), [segment])


def test_a_patient_gives_slices_along_all_axes(case):
    images = slices_of(case, "judge")
    assert {one.part for image in images for one in image.objects} == {"judge"}
    names = [one.name for image in images for one in image.objects]
    assert {name.split(",")[1].split()[1] for name in names} == {"0", "1", "2"}
    assert {one.unit for image in images for one in image.objects} == {"c1: ball"}
    # voxels of 2 mm are shown twice as long
    assert {image.size_hw for image in images} == {(30, 32), (80, 32), (80, 30)}


def test_masks_lie_on_what_is_shown(case):
    for image in slices_of(case, "learn"):
        pixels = image.load().astype(float)
        mask = np.zeros(image.size_hw, dtype=bool)
        region = image.objects[0].mask
        mask[region.window.slices] = region.mask
        assert pixels[mask].mean() > pixels[~mask].mean() + 50


def test_one_volume_is_parted_into_slabs_that_lie_apart(case):
    images = slices_of(case, None)
    at = {part: [] for part in ("learn", "stop", "judge")}
    for image in images:
        for one in image.objects:
            assert "axis 0" in one.name
            at[one.part].append(int(one.name.split()[-1]))
    assert all(at.values())
    assert min(at["stop"]) - max(at["learn"]) > 1
    assert min(at["judge"]) - max(at["stop"]) > 1
    other = slices_of(case, None, seed=1)
    assert [one.part for one in other[0].objects] == ["judge"]
    judged = {one.unit for image in images for one in image.objects if one.part == "judge"}
    assert len(judged) < len(at["judge"])


def test_objects_that_are_too_small_are_refused(case):
    tiny = Segment("dot", 1, Window((3, 3, 3), (4, 5, 5)), np.ones((1, 2, 2), dtype=bool))
    other = LabelledVolume("c2", case.volume, case.stretch, [tiny])
    with pytest.raises(InputError) as caught:
        slices_of(other, None)
    assert str(caught.value) == "c2 has no object with 16 pixels on a slice"


def test_three_patients_are_parted_by_patient():
    assert parts_of_cases(["a", "b"], [None, None], 0) == [None, None]
    assert parts_of_cases(["a", "b"], ["learn", "judge"], 0) == ["learn", "judge"]
    assert sorted(parts_of_cases(["a", "b", "c"], [None] * 3, 0)) == ["judge", "learn", "stop"]
