"""Pictures of the page for the documentation, in Chromium, on data whose licence allows them.

python tests/hosts/page/pictures.py FOLDER

Writes `page_raster.png` and `explore.png` (an image of NEON, CC0-1.0) and `page_volume.png` (a CT
of TotalSegmentator, Apache-2.0) with the real networks. Needs what the tests of the page need.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from conftest import FLAGS, SUITE, TREES, WAIT_MS, Viewer
from jupyter_lab import Lab, frame_of, run_next
from latency import on_screen
from playwright.sync_api import sync_playwright
from test_explore import screen as frame_screen
from test_volume import screen

SIZE = {"width": 1180, "height": 760}
CROWNS = TREES.with_suffix(".csv")
"""Boxes around crowns, in pixels."""
SHOWN, SHOWN_IN_NOTEBOOK = 12, 3
"""Crowns that are drawn, the largest ones."""
NOTEBOOK_SIZE = {"width": 1180, "height": 1010}
CELLS = (
    'import sam_geo\n\ntrees = sam_geo.explore("ortho.tif")\ntrees',
    'trees.objects[["name", "class", "score", "area_m2", "geometry"]]',
)
"""Cells of the notebook that is shown."""
SPLEEN = ((291, 245, 10), (392, 377, 10))
"""Opposite corners of a box on an axial slice, in voxels."""
PREPARE = "from sam_common.published import samples; print(samples.fetch('abdomen_ct_dicom'))"
FOLLOW_MS = 600_000
AXIAL = 0


def opened(chromium, viewer):
    """A tab on the page of a viewer."""
    tab = chromium.new_context(viewport=SIZE).new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.goto(viewer.address)
    tab.wait_for_selector("body[data-ready]", state="attached")
    return tab


def raster(chromium, path):
    """Trees by a box each, with a class."""
    viewer = Viewer("sam_geo", TREES)
    try:
        tab = opened(chromium, viewer)
        tab.get_by_label("Name", exact=True).fill("tree")
        tab.get_by_role("button", name="Add").click()
        for count, box in enumerate(crowns(), start=1):
            tab.keyboard.press("n")
            tab.keyboard.press("3")
            drag(tab, on_screen(tab, *box[:2]), on_screen(tab, *box[2:]))
            tab.wait_for_function("n => window.samPage.drawn.size === n", arg=count)
        tab.screenshot(path=path)
    finally:
        viewer.close()


def notebook(chromium, path):
    """Trees by a box each in an output of a notebook, and their table in the next cell."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder), SUITE)
        try:
            shutil.copy(TREES, lab.notebooks / "ortho.tif")
            tab = chromium.new_context(viewport=NOTEBOOK_SIZE).new_page()
            tab.set_default_timeout(WAIT_MS)
            lab.open(tab, "trees.ipynb", CELLS)
            run_next(tab)
            frame = frame_of(tab)
            frame.get_by_label("Name", exact=True).fill("tree")
            frame.get_by_role("button", name="Add").click()
            frame.get_by_role("button", name="Box", exact=True).click()
            for count, box in enumerate(crowns()[:SHOWN_IN_NOTEBOOK], start=1):
                frame.get_by_role("button", name="Next object").click()
                drag(tab, frame_screen(frame, *box[:2]), frame_screen(frame, *box[2:]))
                frame.wait_for_function("n => window.samPage.drawn.size === n", arg=count)
            run_next(tab)
            tab.locator("table.dataframe").wait_for()
            tab.screenshot(path=path)
        finally:
            lab.close()


def crowns():
    """Boxes (left, top, right, bottom) around the largest crowns."""
    with CROWNS.open() as lines:
        rows = list(csv.DictReader(lines))
    boxes = [[float(row[name]) for name in ("xmin", "ymin", "xmax", "ymax")] for row in rows]
    return sorted(boxes, key=lambda box: -(box[2] - box[0]) * (box[3] - box[1]))[:SHOWN]


def drag(tab, start, end):
    """Draw a box on the screen."""
    tab.mouse.move(*start)
    tab.mouse.down()
    tab.mouse.move(*end, steps=4)
    tab.mouse.up()


def volume(chromium, path):
    """A spleen from a box on one slice, followed through the scan."""
    scan = subprocess.run([SUITE, "-c", PREPARE], check=True, capture_output=True, text=True)
    viewer = Viewer("sam_med", scan.stdout.strip(), "--preset", "soft")
    try:
        tab = opened(chromium, viewer)
        tab.get_by_label("Name", exact=True).fill("spleen")
        tab.get_by_role("button", name="Add").click()
        middle = [(low + high) // 2 for low, high in zip(*SPLEEN, strict=True)]
        tab.evaluate("v => window.samPage.jump(v)", middle)
        tab.keyboard.press("2")
        drag(tab, *(screen(tab, AXIAL, corner) for corner in SPLEEN))
        tab.wait_for_selector("tr[data-object]")
        tab.get_by_role("button", name="Follow through the volume").click()
        tab.wait_for_function(
            "() => window.samPage.session.objects[0].propagated", timeout=FOLLOW_MS
        )
        tab.wait_for_function(
            "() => document.getElementById('message').textContent.includes('Review')"
        )
        tab.screenshot(path=path)
    finally:
        viewer.close()


def main(folder):
    """Write all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        raster(chromium, folder / "page_raster.png")
        notebook(chromium, folder / "explore.png")
        volume(chromium, folder / "page_volume.png")
        chromium.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
