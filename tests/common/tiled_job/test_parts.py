"""Parts of a job on disk."""

from __future__ import annotations

import errno
import os
import uuid
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_common.errors import DiskError, InputError, OutputError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.tiled_job.parts import Part, PartStore, pack, unpack
from sam_common.tiled_job.plan import Plan
from sam_common.tiled_job.storage import Storage
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


@given(
    st.lists(instances(), max_size=5),
    st.dictionaries(st.text(), st.integers(), max_size=3),
    st.dictionaries(st.sampled_from(["bits", "classes", "array x"]), st.integers(0, 4), max_size=3),
)
def test_packing_keeps_everything(
    found: list[Instance], notes: dict[str, int], sizes: dict[str, int]
) -> None:
    arrays = {name: np.arange(n * 3, dtype=np.uint8).reshape(n, 3) for name, n in sizes.items()}
    part = unpack(pack(Part(found, notes, arrays)))
    assert part is not None
    assert part.notes == notes
    assert part.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert part.arrays[name].dtype == np.uint8
        assert np.array_equal(part.arrays[name], array)
    assert pack(part) == pack(Part(found, notes, dict(reversed(arrays.items()))))
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
    with pytest.raises(OutputError, match=r"00000000\.part is lost or damaged: go on with --resu"):
        store.load(0)
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
    with pytest.raises(InputError, match=r"belongs to another job \(model was a, is b\)"):
        PartStore(tmp_path, plan("b"), resume=True)


def test_a_part_that_vanishes_is_not_an_empty_one(tmp_path: Path) -> None:
    store = PartStore(tmp_path, plan(), resume=False)
    store.write(0, square())
    (tmp_path / "00000000.part").unlink()
    with pytest.raises(OutputError, match="is lost or damaged"):
        store.read(0)
    assert store.read(1) is None


def test_a_damaged_plan_is_told(tmp_path: Path) -> None:
    PartStore(tmp_path, plan(), resume=False)
    (tmp_path / "plan.json").write_text('{"digest"')
    with pytest.raises(InputError, match=r"plan\.json cannot be read.*: delete "):
        PartStore(tmp_path, plan(), resume=True)


def test_a_full_disk_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PartStore(tmp_path, plan(), resume=False)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(DiskError, match=r"No space left on device .*go on with --resume"):
        store.write(0, square())
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


@pytest.fixture
def storage() -> Storage:
    return Storage(f"memory://{uuid.uuid4().hex}/o.gpkg.parts")


def test_parts_of_a_storage_have_the_bytes_of_a_folder(tmp_path: Path, storage: Storage) -> None:
    near = PartStore(tmp_path / "near", plan(), resume=False)
    far = PartStore(tmp_path / "far", plan(), resume=False, storage=storage)
    assert far.missing() == [0, 1]
    for store in (near, far):
        store.write(1, square())
    expected = (tmp_path / "near" / "00000001.part").read_bytes()
    assert storage.read("00000/00000001.part") == expected
    assert [path.name for path in (tmp_path / "far").iterdir()] == ["plan.json"]
    again = PartStore(tmp_path / "far", plan(), resume=True, storage=storage)
    assert again.missing() == [0]
    assert len(again.load(1)) == 1
    assert again.read(0) is None


def test_a_part_is_fetched_once_with_its_neighbours(
    tmp_path: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PartStore(tmp_path, plan(), resume=False, storage=storage)
    for n in range(2):
        store.write(n, square())
    asked: list[list[str]] = []
    read_all = Storage.read_all

    def noted(self: Storage, names: list[str]) -> dict[str, bytes]:
        asked.append(list(names))
        return read_all(self, names)

    monkeypatch.setattr(Storage, "read_all", noted)
    for n in (0, 1, 0, 1):
        assert len(store.load(n)) == 1
    assert asked == [["00000/00000000.part", "00000/00000001.part"]]


def test_names_alone_tell_what_is_missing_in_a_storage(
    tmp_path: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PartStore(tmp_path, plan(), resume=False, storage=storage)
    store.write(1, square())
    monkeypatch.setattr(Storage, "read_all", None)
    assert store.missing() == [0]


def test_a_damaged_part_of_a_storage_is_run_again(tmp_path: Path, storage: Storage) -> None:
    store = PartStore(tmp_path, plan(), resume=False, storage=storage)
    data = bytearray(pack(square()))
    data[-3] ^= 1
    storage.write("00000/00000000.part", bytes(data))
    store.write(1, square())
    assert store.missing() == []
    message = rf"{storage}/00000/00000000\.part is lost or damaged: go on with --resume"
    with pytest.raises(OutputError, match=message):
        store.load(0)
    assert PartStore(tmp_path, plan(), resume=True, storage=storage).missing() == [0]


def test_a_part_that_a_worker_has_not_told_of_is_not_taken(
    tmp_path: Path, storage: Storage
) -> None:
    """Another job of the same name may have put it there since."""
    store = PartStore(tmp_path, plan(), resume=False, storage=storage)
    told, other = pack(square()), pack(Part(notes={"of": "another job"}))
    storage.write("00000/00000000.part", other)
    store.take(0, told[:32])
    with pytest.raises(OutputError, match="is lost or damaged"):
        store.read(0)
    storage.write("00000/00000000.part", told)
    assert len(store.load(0)) == 1


def test_a_copy_that_lies_here_is_not_read_in_place_of_what_a_worker_wrote(
    tmp_path: Path, storage: Storage
) -> None:
    store = PartStore(tmp_path, plan(), resume=False, storage=storage)
    store.write(0, Part(notes={"try": 1}))
    store.read(0)
    again = pack(Part(notes={"try": 2}))
    storage.write("00000/00000000.part", again)
    store.take(0, again[:32])
    part = store.read(0)
    assert part is not None
    assert part.notes == {"try": 2}


def test_a_storage_takes_parts_over_as_a_folder_does(tmp_path: Path, storage: Storage) -> None:
    """From another machine, where there is no folder."""
    PartStore(tmp_path / "one", plan("a"), resume=False, storage=storage).write(1, square())
    message = rf"an unfinished job lies in {storage}: go on with it by --resume"
    with pytest.raises(OutputError, match=message):
        PartStore(tmp_path / "two", plan("a"), resume=False, storage=storage)
    with pytest.raises(InputError, match=r"belongs to another job \(model was a, is b\)"):
        PartStore(tmp_path / "two", plan("b"), resume=True, storage=storage)
    assert not (tmp_path / "two").exists()
    assert PartStore(tmp_path / "two", plan("a"), resume=True, storage=storage).missing() == [0]


def test_a_job_goes_on_where_it_keeps_its_parts(tmp_path: Path, storage: Storage) -> None:
    PartStore(tmp_path, plan(), resume=False, storage=storage)
    message = rf"are kept in {storage}, not in that folder: give --parts-at {storage}, or delete "
    with pytest.raises(InputError, match=message):
        PartStore(tmp_path, plan(), resume=True)
    PartStore(tmp_path / "near", plan(), resume=False)
    message = rf"are kept in that folder, not in {storage}: leave --parts-at out, or delete"
    with pytest.raises(InputError, match=message):
        PartStore(tmp_path / "near", plan(), resume=True, storage=storage)


def test_further_steps_keep_their_parts_where_the_job_does(
    tmp_path: Path, storage: Storage
) -> None:
    for where in (None, storage):
        store = PartStore(tmp_path / str(where is None), plan(), resume=False, storage=where)
        inner = store.within("join-1", plan("b"))
        inner.write(0, square())
        assert inner.folder == store.folder / "join-1"
        assert (inner.folder / "00000000.part").exists() is (where is None)
    assert storage.read("join-1/00000/00000000.part") == pack(square())
