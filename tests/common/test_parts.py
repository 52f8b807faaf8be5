"""Parts of a job on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_common.errors import InputError, OutputError
from sam_common.instance import Instance
from sam_common.masks import MaskRegion
from sam_common.parts import Part, PartStore, pack, unpack
from sam_common.plan import Plan
from sam_common.window import Window

if TYPE_CHECKING:
    from pathlib import Path


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    bits = draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    row, col = draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6))
    window = Window((row, col), (row + height, col + width))
    mask = np.array(bits, dtype=np.bool_).reshape(height, width)
    return Instance(MaskRegion(window, mask), draw(st.floats(0, 1)), draw(st.floats(0, 1)))


@given(st.lists(instances(), max_size=5), st.dictionaries(st.text(), st.integers(), max_size=3))
def test_packing_keeps_everything(found: list[Instance], notes: dict[str, int]) -> None:
    part = unpack(pack(Part(found, notes)))
    assert part is not None
    assert part.notes == notes
    assert pack(part) == pack(Part(found, notes))
    for before, after in zip(found, part.instances, strict=True):
        assert after.region.window == before.region.window
        assert np.array_equal(after.region.mask, before.region.mask)
        assert (after.score, after.stability) == (before.score, before.stability)


def plan(model: str = "a") -> Plan:
    return Plan((4, 8), (Window((0, 0), (4, 4)), Window((0, 4), (4, 8))), {"model": model})


def square() -> Part:
    region = MaskRegion(Window((0, 0), (2, 2)), np.ones((2, 2), dtype=np.bool_))
    return Part([Instance(region, 0.5, 0.75)])


def test_a_damaged_part_is_missing(tmp_path: Path) -> None:
    store = PartStore(tmp_path / "parts", plan(), resume=False)
    assert store.missing() == [0, 1]
    store.write(0, square())
    store.write(1, Part())
    assert store.missing() == []
    assert len(store.load(0)) == 1
    file = tmp_path / "parts" / "00000000.part"
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    assert store.missing() == [0]
    assert store.read(0) is None
    assert not store.load(0)
    file.write_bytes(data[:10])
    assert store.missing() == [0]


def test_only_a_resumed_job_takes_parts_over(tmp_path: Path) -> None:
    PartStore(tmp_path, plan(), resume=False).write(1, square())
    with pytest.raises(OutputError, match=r"an unfinished job lies in .*: go on with it by --res"):
        PartStore(tmp_path, plan(), resume=False)
    assert PartStore(tmp_path, plan(), resume=True).missing() == [0]


def test_parts_of_another_job_are_refused(tmp_path: Path) -> None:
    PartStore(tmp_path, plan("a"), resume=False)
    with pytest.raises(InputError, match=r"belongs to another job \(model was 'a', is 'b'\)"):
        PartStore(tmp_path, plan("b"), resume=True)
