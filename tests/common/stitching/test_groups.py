"""Groups of instances: links, the views that objects are taken from, and open ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sam_common.stitching.groups import Group, Groups


def groups_of(*windows: list[tuple[bool, float]]) -> Groups:
    """Groups of windows, whose instances are given as whether they are cut, and their score."""
    groups = Groups()
    for instances in windows:
        groups.add_window(instances)
    return groups


CUT, WHOLE = (True, 0.9), (False, 0.9)


def test_instances_are_numbered_through_all_windows() -> None:
    groups = groups_of([CUT, WHOLE], [], [CUT])
    assert list(groups.offsets) == [0, 2, 2, 3]
    assert [groups.window_of(number) for number in range(3)] == [0, 0, 2]
    assert list(groups.is_cut) == [1, 0, 1]


def test_no_link_puts_two_instances_of_one_window_into_one_group() -> None:
    groups = groups_of([CUT, CUT], [CUT], [CUT])
    groups.join(0, 2)
    groups.join(1, 2)
    groups.join(2, 3)
    groups.join(3, 1)
    assert not groups.is_alone(0)
    assert groups.is_alone(1)
    assert groups.holds(0, 2)
    assert not groups.holds(1, 1)
    groups.choose_views()
    assert groups.group_using(0) == Group((0, 2, 3), -1)
    assert groups.group_using(1) == Group((1,), 1)


def test_the_whole_view_with_the_best_score_is_the_object() -> None:
    groups = groups_of([CUT], [(False, 0.7)], [(False, 0.8)], [(False, 0.8)])
    for number in (1, 2, 3):
        groups.join(0, number)
    groups.choose_views()
    # of equal scores the first
    assert groups.group_using(2) == Group((0, 1, 2, 3), 2)
    assert groups.group_using(0) is groups.group_using(1) is groups.group_using(3) is None
    assert groups.members_of(Group((0, 1, 2, 3), 2)) == ((0, 0), (1, 0), (2, 0), (3, 0))


def test_what_is_left_out_is_in_no_object() -> None:
    groups = groups_of([CUT], [CUT], [CUT])
    groups.join(0, 1)
    groups.join(1, 2)
    groups.left_out.update({0, 2})
    groups.choose_views()
    # a single member that is left is taken as it is
    assert groups.group_using(1) == Group((1,), 1)
    assert groups.group_using(0) is groups.group_using(2) is None


def test_cut_groups_come_by_the_last_instance_that_they_need() -> None:
    groups = groups_of([CUT, CUT, WHOLE], [CUT, CUT], [CUT])
    groups.join(0, 4)
    groups.join(4, 5)
    groups.join(1, 3)
    groups.choose_views()
    assert [group.members for group in groups.cut_groups()] == [(1, 3), (0, 4, 5)]
    assert [group.last for group in groups.cut_groups()] == [3, 5]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_every_instance_is_used_by_one_group_whatever_is_joined(
    pairs: list[tuple[int, int]],
) -> None:
    groups = groups_of(*[[CUT, CUT]] * 5)
    for a, b in pairs:
        groups.join(a, b)
    groups.choose_views()
    found = {number: groups.group_using(number) for number in range(10)}
    for number, group in found.items():
        assert group is not None
        assert number in group.members
        assert all(found[member] == group for member in group.members)
        windows = [groups.window_of(member) for member in group.members]
        assert len(set(windows)) == len(windows)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20),
    st.lists(st.booleans(), min_size=10, max_size=10),
    st.integers(0, 4),
    st.integers(1, 5),
)
def test_a_part_has_the_kept_groups_alone_numbered_anew(
    pairs: list[tuple[int, int]], cuts: list[bool], first: int, count: int
) -> None:
    groups = groups_of(*([(cuts[n], 0.9), (cuts[n + 1], 0.8)] for n in range(0, 10, 2)))
    for a, b in pairs:
        groups.join(a, b)
    groups.left_out = {3}
    groups.choose_views()
    stop = min(first + count, 5)
    kept = list(groups.completed_in(first, stop))
    assert all(first <= groups.window_of(group.last) < stop for group in kept)
    windows = sorted({groups.window_of(number) for group in kept for number in group.members})
    part = groups.part(windows, kept)
    assert list(part.offsets) == [2 * n for n in range(len(windows) + 1)]
    instances = [2 * n + k for n in windows for k in (0, 1)]
    assert list(part.is_cut) == [cuts[number] for number in instances]
    found = [part.group_using(number) for number in range(2 * len(windows))]
    for number, group in zip(instances, found, strict=True):
        there = groups.group_using(number)
        if there not in kept:
            assert group is None
            continue
        assert group is not None
        assert tuple(instances[member] for member in group.members) == there.members
        assert (group.chosen if group.chosen < 0 else instances[group.chosen]) == there.chosen


def test_every_group_is_completed_in_one_window() -> None:
    groups = groups_of([CUT, WHOLE], [CUT, CUT], [CUT])
    groups.join(0, 2)
    groups.choose_views()
    found = [[g.members for g in groups.completed_in(n, n + 1)] for n in range(3)]
    assert found == [[(1,)], [(0, 2), (3,)], [(4,)]]
