"""How the parts of a job beside its network grow: `python -m tests.benchmarks.growth`.

Each case is run with a thousand of something and with ten thousand, without a network. Ten times as
much may take twelve times as long; what compares everything with everything takes a hundred.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from sam_common.masks.decoded import MaskRegion
from sam_common.masks.instance import Instance
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.segmenter.predictor import Embedding
from sam_common.stitching.layout import Layout
from sam_common.stitching.link import find_groups, link
from sam_common.support import console
from sam_common.tiled_job.parts import PartStore
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.window import Window
from sam_geo.automatic.options import AutoOptions
from sam_geo.automatic.scene import Scene
from sam_geo.automatic.seams import Mender
from sam_geo.automatic.window_steps import Ends, Grid, Moved, WindowSteps
from sam_geo.prompted.embedding import EmbeddingSource
from sam_geo.prompted.windows import plan_windows
from sam_geo.prompts.geo_prompt import GeoPrompt
from sam_geo.prompts.proposals import BoxIndex
from sam_geo.raster.pixels import Pixels
from sam_geo.raster.stretch import Stretch

SMALL, LARGE = 1_000, 10_000
MOST = 12.0
"""Times as long for ten times as much."""
SIDE, OVERLAP = 64, 16
STEP = SIDE - OVERLAP
ROUNDS, ENOUGH_SECONDS = 3, 10.0
"""A case is tried so often, or until it has taken so long."""

Load = Callable[[int], list[Instance]]


def strip(count: int) -> tuple[list[Window], tuple[int, int]]:
    """Windows side by side in one row: the order of rows tells nothing there."""
    size = (SIDE, SIDE + (count - 1) * STEP)
    return tile_grid(size, side=SIDE, overlap=OVERLAP), size


def square(top: int, left: int, bottom: int, right: int) -> Instance:
    """All pixels of a window."""
    window = Window((top, left), (bottom, right))
    return Instance(MaskRegion(window, np.ones(window.shape, dtype=np.bool_)), 0.9, 0.99)


def whole_objects(n: int) -> list[Instance]:
    """Two objects in the middle of each window."""
    return [
        square(10, n * STEP + 20, 20, n * STEP + 30),
        square(40, n * STEP + 20, 50, n * STEP + 44),
    ]


def cut_objects(n: int) -> list[Instance]:
    """An object that ends straight at the right edge of each window, unknown to the next one."""
    edge = n * STEP + SIDE
    return [square(20, edge - 20, 40, edge)]


def road(n: int) -> list[Instance]:
    """A part of one object that goes through all windows."""
    return [square(30, n * STEP, 38, n * STEP + SIDE)]


def scene_of(count: int, load: Load) -> Scene:
    """Objects of a strip."""
    windows, size = strip(count)
    plan = Plan(size, tuple(windows), {})
    return Scene(plan, load, find_groups(Layout(windows, size), load))


def many_windows(count: int, _folder: Path) -> None:
    """Objects of many windows are linked."""
    windows, size = strip(count)
    assert sum(1 for _ in link(windows, whole_objects, image_hw=size)) == 2 * count


def many_left_out(count: int, _folder: Path) -> None:
    """Half of all objects are left out."""
    scene = scene_of(count, whole_objects)
    scene.left_out |= {(n, 0) for n in range(count)}
    assert sum(1 for _ in scene.objects()) == count


def many_seams(count: int, folder: Path) -> None:
    """All objects are cut and looked at again in moved windows."""
    scene = scene_of(count, cut_objects)
    fake = FakeSegmenter(radius_px=13.0, model_size=SIDE)

    class Blank(WindowSteps):
        """Windows of a raster that is not there."""

        def read(self, question: Grid | Ends | Moved) -> Pixels:
            shape = question.window.shape
            return Pixels(np.zeros((1, *shape), np.uint8), np.ones(shape, np.bool_))

        def embed(self, window: Window, _pixels: Pixels) -> tuple[np.ndarray, Embedding]:
            image = np.zeros(window.shape, dtype=np.uint8)
            embedding = fake.embed(image)
            fake.embedded.clear()
            return image, embedding

    steps = Blank(None, EmbeddingSource(fake, Stretch(None)), AutoOptions())
    Mender(steps, SIDE, PartStore(folder, scene.plan, resume=False)).mend(scene)
    assert scene.windows > count / 2
    assert sum(1 for _ in scene.objects()) > 0


def long_road(count: int, _folder: Path) -> None:
    """One object lies in all windows."""
    scene = scene_of(count, road)
    assert sum(1 for _ in scene.objects()) == sum(1 for _ in scene.cut_objects()) == 1


def many_proposals(count: int, _folder: Path) -> None:
    """As many boxes as windows."""
    windows, _ = strip(count)
    boxes = [(n * STEP + 4.5, 9.5, n * STEP + 24.5, 19.5) for n in range(count)]
    proposals = BoxIndex(boxes, SIDE)
    assert sum(len(proposals.inside(window)) for window in windows) >= count


def many_prompts(count: int, _folder: Path) -> None:
    """Boxes all over a raster that grows with them."""
    size = (SIDE * count // 10, SIDE * 10)
    rng = np.random.default_rng(0)
    places = rng.uniform(0, (size[1] - 20, size[0] - 20), (count, 2)).tolist()
    prompts = [GeoPrompt(n, box_xyxy=(x, y, x + 10, y + 10)) for n, (x, y) in enumerate(places)]
    assert sum(len(read.prompts) for read in plan_windows(prompts, size, side=SIDE)) == count


CASES: dict[str, Callable[[int, Path], None]] = {
    "windows": many_windows,
    "left-out objects": many_left_out,
    "seams": many_seams,
    "windows of one road": long_road,
    "proposals": many_proposals,
    "prompts": many_prompts,
}


def seconds(case: Callable[[int, Path], None], count: int) -> float:
    """The least processor time of a few runs: others may share the machine."""
    found = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            case(count, Path(folder))
            found.append(time.process_time() - start)
        if sum(found) > ENOUGH_SECONDS:
            break
    return min(found)


def measured() -> Iterator[tuple[str, float, float, float]]:
    """Name, seconds of a thousand and of ten thousand, and how many times the one is the other."""
    # what the libraries made when they were imported is nothing that a case has to look through
    gc.collect()
    gc.freeze()
    for name, case in CASES.items():
        few, many = seconds(case, SMALL), seconds(case, LARGE)
        yield name, few, many, many / few


def lines() -> Iterator[str]:
    """The table for the page of benchmarks."""
    yield f"| what | {SMALL:,} s | {LARGE:,} s | times as long | target |"
    yield "|---|---|---|---|---|"
    for name, few, many, ratio in measured():
        yield f"| {name} | {few:.3f} | {many:.3f} | **{ratio:.1f}x** | <= {MOST:g}x |"


def main() -> None:
    """Print the table."""
    found = [
        (name, round(few, 3), round(many, 3), round(r, 1)) for name, few, many, r in measured()
    ]
    console.table("Growth", ("what", f"{SMALL} s", f"{LARGE} s", "times"), found)


if __name__ == "__main__":
    main()
