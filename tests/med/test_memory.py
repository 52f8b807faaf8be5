"""Peak memory, each case in a process of its own: what one needs does not hide in another's."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

PREAMBLE = r"""
import json, re, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.window import Window
from sam_med.geometry import frame
from sam_med.geometry.volume import Volume

def peak_mb():
    # `ru_maxrss` begins with the peak of the process that started this one
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024

def volume(shape):
    array = np.zeros(shape, np.int16)
    array[:, 1:, 1:] = 50
    return Volume(array, frame.from_itk((0, 0, 0), (1, 1, 1), (1, 0, 0, 0, 1, 0, 0, 0, 1)), "CT")
"""


def figures(code, *arguments):
    """What a script prints as JSON."""
    script = PREAMBLE + textwrap.dedent(code)
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.slow
def test_embeddings_take_no_more_than_their_limit():
    """Small arrays that live on, as looks do, must not pin the memory of embeddings that went."""
    calls, grown = figures(
        """
        from sam_med.propagate.planes import segment_box
        from sam_med.slices.embedded_slices import SliceEmbeddings
        from sam_med.slices.window_level import choose_stretch

        class Sized(FakeSegmenter):
            def embed(self, image):
                small = FakeSegmenter.embed(self, image)
                self.embedded.clear()
                return replace(small, features=np.full((1, 256, 64, 64), 1.0, dtype=np.float32))

        scan = volume((40, 240, 240))
        with SliceEmbeddings(scan, choose_stretch(scan), Sized(), max_bytes=64 << 20) as slices:
            slices.get(0, 0)
            before = peak_mb()
            # one object after the other, so that most slices of three axes are looked at
            for shift in range(4):
                segment_box(slices, Window((5, 60 + shift, 60), (35, 120 + shift, 120 + shift)))
            print(json.dumps([slices.calls, peak_mb() - before]))
        """
    )
    assert calls == 120
    # 120 embeddings are 480 MiB; 64 are kept, and there is the work itself
    assert grown <= 64 + 100


@pytest.mark.slow
def test_a_seg_of_objects_that_overlap_takes_bits_not_bytes(tmp_path):
    grown = figures(
        """
        from sam_med.derived_objects.dicom_seg import write_seg
        from sam_med.objects.provenance import Provenance
        from sam_med.objects.segments import Segment
        from sam_med.files.read import read_volume
        from sam_med.testing import write_series

        folder = Path(sys.argv[1])
        write_series(volume((60, 512, 512)), folder / "scan", modality="CT")
        scan = read_volume(folder / "scan")
        whole = np.ones((60, 512, 512), np.bool_)
        segments = [Segment(f"o{n}", n, scan.window, whole) for n in range(1, 9)]
        write_seg(segments[:1], scan, folder / "one.dcm", Provenance("0", "m", "0", "planes", "0"))
        before = peak_mb()
        write_seg(segments, scan, folder / "out.dcm", Provenance("0", "m", "0", "planes", "0"))
        print(json.dumps(peak_mb() - before))
        """,
        tmp_path,
    )
    # 126 million voxels are 15 MiB of bits; a byte each would be 120 MiB, and highdicom copies them
    assert grown <= 90
