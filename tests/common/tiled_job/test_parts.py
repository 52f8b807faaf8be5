"""Parts of a job on disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_common.errors import DiskError, InputError, OutputError
from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.tiled_job.parts import Part, PartStore, held, pack, remove_parts, unpack
from sam_common.tiled_job.plan import Plan
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


def test_a_folder_is_held_by_one_job(tmp_path: Path) -> None:
    folder = tmp_path / "o.gpkg.parts"
    with held(folder):
        with pytest.raises(OutputError, match="another job works in"), held(folder):
            pass
        PartStore(folder, plan(), resume=False).write(0, square())
    assert (folder / "00000000.part").is_file()
    with held(folder):
        (folder / "join-1").mkdir()
        (folder / "join-1" / "00000000.part").touch()
        remove_parts(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_never_began_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "o.gpkg.parts"

    def fail() -> None:
        with held(folder):
            raise InputError("no such file")

    with pytest.raises(InputError):
        fail()
    assert list(tmp_path.iterdir()) == []


HOLDER = """
import sys
from pathlib import Path
from sam_common.tiled_job.parts import held

with held(Path(sys.argv[1])):
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


def test_a_killed_job_lets_go_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "o.gpkg.parts"
    command = [sys.executable, "-c", HOLDER, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match="another job works in"), held(folder):
            pass
        job.kill()
        job.wait()
        with held(folder):
            pass
    assert not folder.exists()


def test_a_folder_of_something_else_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    message = r"no folder of an unfinished job \(thesis\.tex"
    with pytest.raises(OutputError, match=message), held(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
