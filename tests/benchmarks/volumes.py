"""Memory, encoder calls and corrections of volumes: `python -m tests.benchmarks.volumes`.

The first part makes a DICOM series of 512 x 512 x 600 with five bodies, segments them in a process
of its own with a segmenter that answers at once, and writes SEG and NIfTI; its embeddings have the
size of real ones. Memory is counted from the moment when every library is loaded. The second part
corrects one slice of a structure in the MNI152 head with the real network.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from sam_common.masks.decoded import MaskRegion
from sam_common.published import samples
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.segmenter.predictor import load_segmenter
from sam_common.support import console
from sam_common.window import Window
from sam_med.corrections.correct import correct
from sam_med.files.read import read_volume
from sam_med.geometry import frame
from sam_med.geometry.slice_box import SliceBox
from sam_med.geometry.volume import Volume
from sam_med.prompts.object_prompt import ObjectPrompt
from sam_med.propagate import planes, planes_rounds
from sam_med.run.segment import segment_volume
from sam_med.slices.embedded_slices import SliceEmbeddings
from sam_med.slices.window_level import choose_stretch
from sam_med.testing import write_series

SHAPE_KJI = (600, 512, 512)
SPACING_MM = (1.0, 0.8, 0.8)
BODIES = {
    "liver": ((250, 120, 60), (430, 330, 300)),
    "spleen": ((280, 250, 330), (400, 380, 440)),
    "right kidney": ((200, 260, 120), (340, 360, 220)),
    "left kidney": ((210, 260, 300), (350, 360, 400)),
    "aorta": ((20, 230, 230), (580, 290, 290)),
}
"""(k, j, i) corners of boxes, of the size of organs."""
FEATURES = (1, 256, 64, 64)
REPEATS = 5
THALAMUS = (70, 95, 68, 125, 135, 84)
"""Box in the MNI152 head, ijk."""


class Sized(FakeSegmenter):
    """Its embeddings are as large as those of a network, and it remembers no image.

    It sees two thirds of each box, so tracks shrink, and every hypothesis is another one: nothing
    that the method does is left out.
    """

    def _answer(self, prompt, size_hw):
        region = FakeSegmenter._answer(self, prompt, size_hw)
        if region is None:
            return None
        start, (rows, cols) = region.window.start, region.window.shape
        part = Window(start, (start[0] + rows, start[1] + max(1, 2 * cols // 3)))
        return MaskRegion(part, np.ones(part.shape, np.bool_))

    def embed(self, image):
        """4 MiB."""
        small = FakeSegmenter.embed(self, image)
        self.embedded.clear()
        return replace(small, features=np.full(FEATURES, small.features.max(), dtype=np.float32))


def series(folder: Path) -> None:
    """Boxes of soft tissue in air, with noise, written slice by slice."""
    rng = np.random.default_rng(1)
    array = rng.integers(-1010, -990, SHAPE_KJI, dtype=np.int16)
    for n, (start, stop) in enumerate(BODIES.values()):
        array[Window(start, stop).slices] += 1000 + 20 * n
    k, j, i = SPACING_MM
    placed = frame.from_itk((0, 0, 0), (i, j, k), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    write_series(Volume(array, placed, "CT"), folder, modality="CT")


def peak_mb() -> float:
    """Highest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def job(folder: Path, results: Path) -> dict[str, object]:
    """Segment and write the series, as a user would; to be run in a process of its own."""
    segmenter = Sized()
    before = peak_mb()
    volume = read_volume(folder)
    read = peak_mb()
    boxes = [
        ObjectPrompt(name, n, Window(*corners))
        for n, (name, corners) in enumerate(BODIES.items(), start=1)
    ]
    run = segment_volume(volume, boxes, segmenter)
    segmented = peak_mb()
    run.save(results / "organs", ["dicom_seg", "nifti"])
    starts, stops = np.array(list(BODIES.values())).swapaxes(0, 1)
    reach = stops.max(0) - starts.min(0)
    return {
        "read MB": round(read - before),
        "segmented MB": round(segmented - before),
        "written MB": round(peak_mb() - before),
        "seconds": round(run.seconds, 1),
        "encoder calls": run.encoder_calls,
        "slices of the hull": int(sum(reach[axis] for axis in planes_rounds.usable_axes(volume))),
        "decoded prompts": run.decoded_prompts,
        "objects": len(boxes),
    }


def correction() -> dict[str, object]:
    """Median time of one corrected slice of a structure whose slices were embedded before."""
    head = read_volume(samples.fetch("mni152_t1.nii.gz"), modality="MR")
    segmenter = load_segmenter("lite_medsam")
    box = ObjectPrompt.from_ijk("thalamus", 1, THALAMUS).window
    with SliceEmbeddings(head, choose_stretch(head), segmenter) as slices:
        found = planes.segment_box(slices, box)
        encoded, decoded = slices.calls, slices.decoded
        seconds, touched = [], []
        for n in range(REPEATS):
            k = box.start[0] + 3 + n
            # a box of half the object, so that the neighbours have to change as well
            i0, j0, _, i1, j1, _ = THALAMUS
            drawn = SliceBox.from_ijk(0, k, (i0, j0, (i0 + i1) // 2, j1))
            started, was = time.perf_counter(), slices.decoded
            after = correct(found, slices, drawn)
            seconds.append(time.perf_counter() - started)
            changed = (after.full(head.shape) != found.full(head.shape)).any(axis=(1, 2))
            touched.append((slices.decoded - was, int(changed.sum())))
        return {
            "median s": round(statistics.median(seconds), 2),
            "longest s": round(max(seconds), 2),
            "decoded, changed slices": touched,
            "new encoder calls": slices.calls - encoded,
            "decoded for the object": decoded,
        }


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spawn = multiprocessing.get_context("spawn")
        with spawn.Pool(1) as pool:
            pool.apply(series, (folder / "scan",))
        with spawn.Pool(1) as pool:
            memory = pool.apply(job, (folder / "scan", folder))
    corrected = correction()
    if options.json:
        console.emit_json({"memory": memory, "correction": corrected})
    else:
        for title, row in (("512 x 512 x 600", memory), ("correction", corrected)):
            console.table(title, list(row), [list(row.values())])


if __name__ == "__main__":
    main()
