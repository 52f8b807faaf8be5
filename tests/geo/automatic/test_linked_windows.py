"""Linking of the parts of all windows: here, or by an executor that sees none of our files."""

from __future__ import annotations

import numpy as np
import pytest
from elsewhere import Elsewhere
from scenes import parcels, seen_in

from sam_common.errors import InputError, OutputError
from sam_common.stitching.layout import Layout
from sam_common.tiled_job.parts import Part, PartStore
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.tiled_job.work import JobReport
from sam_geo.automatic.linked_windows import Joined, linked_windows

HW = (160, 200)


@pytest.fixture
def masks(tmp_path):
    """Parcels in windows of 64, of which some are found in a second round only."""
    labels = parcels(200, 40)[:160, :200]
    windows = tile_grid(HW, side=64, overlap=16)
    first = PartStore(tmp_path / "first", Plan(HW, tuple(windows), {}), resume=False)
    later = [n for n in range(len(windows)) if n % 3 == 0]
    plan = Plan(HW, tuple(windows[n] for n in later), {"round": 1})
    second = PartStore(tmp_path / "second", plan, resume=False)
    for n, window in enumerate(windows):
        found = [instance for _, instance in seen_in(labels, window, "edge", 3)]
        late = found[-2:] if n in later else []
        first.write(n, Part(found[: len(found) - len(late)]))
        if late:
            second.write(later.index(n), Part(late))
    report = JobReport(len(later), 0, {0: "window failed"})
    return Joined(((first, None),)).with_more(later, second, report), Layout(windows, HW), first


def told(groups):
    every = [groups.group_using(number) for number in range(groups.offsets[-1])]
    return list(groups.offsets), every, groups.left_out, groups.open_ends


@pytest.mark.parametrize("side", [1, 2, 16])
def test_an_executor_gives_the_same_groups(masks, side):
    joined, layout, _ = masks
    here = linked_windows(layout, joined, None, advance=lambda _: None)
    assert any(group is not None and len(group.members) > 1 for group in told(here)[1])
    elsewhere, done = Elsewhere(), []
    there = linked_windows(layout, joined, elsewhere, side=side, advance=done.append)
    assert told(there) == told(here)
    assert sum(done) == len(layout.windows)
    assert elsewhere.kinds == ["link"]


def test_masks_of_later_rounds_come_after_those_of_the_first(masks):
    joined, layout, first = masks
    assert joined.windows == 4
    assert joined.failures == ("window failed",)
    for n in range(len(layout.windows)):
        known = first.load(n)
        found = joined.load(n)
        assert len(found) == len(known) + (2 if n % 3 == 0 else 0)
        np.testing.assert_array_equal(found[0].region.mask, known[0].region.mask)
        assert len(joined.packed(n)) == (2 if n % 3 == 0 else 1)


def test_a_neighbourhood_that_cannot_be_linked_ends_the_job(masks):
    joined, layout, _ = masks
    with pytest.raises(InputError, match=r"^broken$"):
        linked_windows(layout, joined, Elsewhere(broken=1), side=2, advance=lambda _: None)


def test_a_part_that_is_lost_is_named(masks):
    joined, layout, first = masks
    (first.folder / "00000005.part").write_bytes(b"damaged")
    with pytest.raises(OutputError, match=r"00000005\.part is lost or damaged: go on with"):
        linked_windows(layout, joined, Elsewhere(), advance=lambda _: None)
