"""Latency of the local server: a click and a box on an encoded window, over a real socket.

python -m tests.benchmarks.server DATA
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from sam_common.server.client import Client, Session

ROUNDS = 100
BOX_XYXY = (46, 19, 72, 48)
"""Spleen on slice 83 of ct_abdomen."""


def timed(edit, rounds=ROUNDS):
    """Milliseconds of each round trip; the first three, which encode and compile, are left out."""
    times = []
    for n in range(rounds + 3):
        start = time.perf_counter()
        edit(n)
        times.append((time.perf_counter() - start) * 1000)
    return times[3:]


def row(what, times):
    p50, p95 = np.percentile(times, [50, 95])
    return f"| {what} | {p50:.0f} | {p95:.0f} |"


def rows(session: Session, boxes, *, points):
    name = session.add_object("object")
    if points:
        session.add_point(name, (200, 200))
        click = timed(lambda n: session.move_point(name, 0, (190 + n % 20, 200 + n / 200)))
        yield row(f"{session.model}, click", click)
        session.clear(name)
    yield row(f"{session.model}, box", timed(lambda n: boxes(session, name, n)))


def main(data: Path) -> None:
    """Print the table."""
    print("| what | p50 ms | p95 ms |\n|---|---|---|")  # noqa: T201 (the result)
    with Client.start(roots=[data], models=["mobile_sam", "lite_medsam"]) as client:
        raster = client.open_raster(data / "geo/neon_osbs_trees/OSBS_029.tif")
        volume = client.open_volume(data / "med/volumes/ct_abdomen/ct.nii.gz")

        def on_raster(session, name, n):
            session.set_box(name, (170, 170, 231 + n / 10, 240))

        def on_slice(session, name, n):
            x0, y0, x1, y1 = BOX_XYXY
            session.set_box(name, (x0 - n % 11, y0 - n // 11, x1, y1), axis=0, index=83)

        for line in rows(raster, on_raster, points=True):
            print(line)  # noqa: T201 (the result)
        for line in rows(volume, on_slice, points=False):
            print(line)  # noqa: T201 (the result)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
