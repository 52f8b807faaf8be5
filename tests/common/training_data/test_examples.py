from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.training_data.examples import (
    check_counts,
    counts,
    split_by_group,
    split_by_place,
)
from tests.oracles.lessons import lesson_of


def test_objects_are_counted_by_part():
    images = lesson_of().images
    assert counts(images) == {"learn": 4, "stop": 3, "judge": 5}
    check_counts(images)
    assert [one.name for one in images[0].of("stop")] == ["disc 4", "disc 5", "disc 6"]


def test_too_few_objects():
    with pytest.raises(InputError) as caught:
        check_counts(lesson_of(("learn",) * 4 + ("stop",) * 4 + ("judge",) * 4).images)
    assert str(caught.value) == (
        "too few objects: 12 (4 to learn, 4 to stop, 4 to judge); needed are 4 to learn, 3 to "
        "stop, 5 to judge, in parts that lie apart: draw more objects, about 20 in all"
    )


def test_places_are_parted_along_their_longer_side():
    random = np.random.default_rng(3)
    positions = random.uniform((0, 0), (100, 900), (60, 2))
    for seed, sign in ((0, 1), (1, -1)):
        parts = np.array(split_by_place(positions, seed=seed))
        along = {part: sign * positions[parts == part, 1] for part in ("learn", "stop", "judge")}
        assert along["learn"].max() < along["stop"].min() <= along["stop"].max()
        assert along["stop"].max() < along["judge"].min()
        assert [len(along[part]) for part in along] == [33, 11, 16]


def test_objects_at_one_place_stay_together():
    parts = split_by_place(np.repeat(np.arange(5.0), 4)[:, None])
    assert all(len(set(parts[n : n + 4])) == 1 for n in range(0, 20, 4))


def test_where_others_judge_these_only_learn_and_stop():
    parts = split_by_place(np.arange(20.0)[:, None], judged_elsewhere=True)
    assert parts == ["learn"] * 17 + ["stop"] * 3
    assert split_by_place(np.empty((0, 2))) == []


def test_groups_are_not_split():
    groups = [
        name for name, count in (("a", 9), ("b", 3), ("c", 2), ("d", 5)) for _ in range(count)
    ]
    for seed in range(5):
        parts = split_by_group(groups, seed=seed)
        assert set(parts) == {"learn", "stop", "judge"}
        assert len(set(zip(groups, parts, strict=True))) == 4
        assert parts[0] == "learn"  # the largest group


def test_three_groups_are_one_part_each():
    assert sorted(split_by_group(["a", "b", "b", "c"])[i] for i in (0, 1, 3)) == [
        "judge",
        "learn",
        "stop",
    ]
    with pytest.raises(InputError, match="need 3 groups, got 2"):
        split_by_group(["a", "b", "b"])
