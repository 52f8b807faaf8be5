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
