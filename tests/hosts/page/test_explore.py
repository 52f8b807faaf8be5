"""`explore` in JupyterLab: what is clicked in an output is what Python gets."""

from __future__ import annotations

import json
import os

import nibabel
import numpy as np
import pytest
from conftest import SUITE, TREES, WAIT_MS
from jupyter_lab import Lab, begin_next, frame_of, run_next, text_of
from test_page import problems
from test_raster import TREE
from test_volume import AFFINES, CENTRE, ball, corners, drag
from test_volume import screen as voxel_on_screen

EXPLORE = f"""
import sam_geo
trees = sam_geo.explore({str(TREES)!r})
trees
"""

WITHOUT_NETWORK = """
import sys
from sam_common.notebook import explorer
program = '''
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.sessions import models
takes = Capabilities(points=POINTS, boxes=True, masks=False, multimask=False)
models._load = lambda _name: FakeSegmenter(capabilities=takes)
from sam_common.cli.main import main
main()
'''
explorer.COMMAND = (sys.executable, "-c", program, *explorer.COMMAND[3:])
"""
"""A cell after which the servers of explorers answer with the prompts' own pixels, at once."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    running = Lab(tmp_path_factory.mktemp("lab"), SUITE)
    yield running
    running.close()


@pytest.fixture
def tab(browser):
    """A tab of JupyterLab; an error of the widget's own scripts is a failure."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda said: (
            said.type == "error"
            and said.location["url"].startswith(("blob:", "about:srcdoc"))
            and errors.append(said.text)
        ),
    )
    yield page
    context.close()
    assert errors == []


def in_window(frame, x, y):
    """Where a place of the page is in the window of the browser."""
    holder = frame.frame_element().bounding_box()
    # the border of the frame
    return holder["x"] + 1 + x, holder["y"] + 1 + y


def screen(frame, column, row):
    """Where a place of a raster is in the window of the browser."""
    x, y = frame.evaluate(
        """([x, y]) => {
            const box = document.querySelector('.ol-map').getBoundingClientRect();
            const [left, top] = window.samPage.map.getPixelFromCoordinate([x, -y]);
            return [box.x + left, box.y + top];
        }""",
        [column + 0.5, row + 0.5],
    )
    return in_window(frame, x, y)


def test_a_click_in_a_notebook_is_a_row_in_python(lab, tab, picture):
    asked = """
import json
session = trees.session
(clicked,) = session.objects()
(point,) = clicked["points"]
other = session.add_object("asked")
session.add_point(other, point["point"])
table = trees.objects
print(json.dumps({
    "point": point, "crs": table.crs.to_epsg(), "names": list(table["name"]),
    "same": bool(table.geometry.iloc[0].equals_exact(table.geometry.iloc[1], 0)),
    "area_px": list(table["area_px"]), "class": list(table["class"]),
}))
"""
    lab.open(tab, "click.ipynb", [EXPLORE, asked])
    run_next(tab)
    frame = frame_of(tab)
    tab.mouse.click(*screen(frame, *TREE))
    frame.wait_for_selector("tr[data-object]")
    frame.wait_for_function("() => [...window.samPage.drawn.values()][0]?.feature")
    area = frame.evaluate(
        "() => [...window.samPage.drawn.values()][0].feature.getGeometry().getArea()"
    )
    picture(tab, "explore-raster")
    assert problems(frame) == []
    run_next(tab)
    found = json.loads(text_of(tab, 1))
    assert found["point"]["label"] == 1
    assert found["point"]["point"] == pytest.approx(TREE, abs=0.5)
    assert (found["crs"], found["names"], found["same"]) == (32617, ["object 1", "asked"], True)
    assert found["area_px"] == pytest.approx([area, area])
    # what Python added is seen by the page
    frame.evaluate("() => dispatchEvent(new Event('focus'))")
    frame.wait_for_function("() => document.querySelectorAll('tr[data-object]').length === 2")


def test_two_explorers_a_busy_kernel_and_a_server_that_ends(lab, tab, picture, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    show = f"""
import sam_geo
from IPython.display import display
first, second = (sam_geo.explore({str(TREES)!r}, height=360) for _ in range(2))
display(first, second)
"""
    cells = [
        WITHOUT_NETWORK.replace("POINTS", "True") + show,
        f"open({str(gate)!r}).read()",
        "first._client._process.kill()",
        "print(len(second.objects))\nsecond.close()",
        "first.close()",
    ]
    lab.open(tab, "two.ipynb", cells)
    run_next(tab)
    first, second = (frame_of(tab, number) for number in (0, 1))
    first.frame_element().scroll_into_view_if_needed()
    # while a cell runs, a kernel with subshells answers
    begin_next(tab)
    first.frame_element().scroll_into_view_if_needed()
    tab.mouse.click(*screen(first, *TREE))
    first.wait_for_selector("tr[data-object]")
    gate.write_text("go on")
    # the other one has its own objects
    second.evaluate("() => dispatchEvent(new Event('focus'))")
    assert second.locator("tr[data-object]").count() == 0
    run_next(tab)
    first.evaluate("() => dispatchEvent(new Event('focus'))")
    first.wait_for_selector("#alert:not([hidden])")
    assert "The server of this output has ended. Run the cell" in first.inner_text("#alert")
    picture(tab, "explore-ended")
    second.frame_element().scroll_into_view_if_needed()
    tab.mouse.click(*screen(second, *TREE))
    second.wait_for_selector("tr[data-object]")
    run_next(tab)
    assert text_of(tab, 3).strip() == "1"
    tab.wait_for_function("() => document.querySelectorAll('iframe.sam-geomed').length === 1")
    run_next(tab)
    tab.wait_for_function("() => document.querySelectorAll('iframe.sam-geomed').length === 0")


def test_a_kernel_without_subshells_is_waited_for(tab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    gate = folder / "gate"
    os.mkfifo(gate)
    lab = Lab(folder, SUITE, subshells=False)
    try:
        show = WITHOUT_NETWORK.replace("POINTS", "True") + EXPLORE
        lab.open(tab, "busy.ipynb", [show, f"open({str(gate)!r}).read()"])
        run_next(tab)
        frame = frame_of(tab)
        begin_next(tab)
        frame.frame_element().scroll_into_view_if_needed()
        tab.mouse.click(*screen(frame, *TREE))
        notice = tab.locator("iframe.sam-geomed + p").first.element_handle()
        tab.wait_for_function("element => !element.hidden", arg=notice)
        assert "It may be running a cell" in notice.inner_text()
        assert frame.locator("tr[data-object]").count() == 0
        gate.write_text("go on")
        frame.wait_for_selector("tr[data-object]")
        tab.wait_for_function("element => element.hidden", arg=notice)
    finally:
        lab.close()


def test_a_box_in_a_volume_is_a_label_map_in_python(lab, tab, picture, tmp_path):
    path = tmp_path / "ball.nii.gz"
    nibabel.save(nibabel.Nifti1Image(ball()[0], np.array(AFFINES["turned"], float)), path)
    show = f"""
import sam_med
scan = sam_med.explore({str(path)!r}, modality="MR", height=700)
scan
"""
    asked = f"""
import json
from sam_med import read_volume, write_labels
labels = scan.labels
write_labels(labels, read_volume({str(path)!r}), {str(tmp_path / "own.nii.gz")!r})
job = scan.session.export(["nifti"])
job.wait()
job.download("segmentation.nii.gz", {str(tmp_path / "exported.nii.gz")!r})
print(json.dumps([[one.name, one.value, one.voxels] for one in labels.labels]))
"""
    lab.open(tab, "volume.ipynb", [WITHOUT_NETWORK.replace("POINTS", "False") + show, asked])
    run_next(tab)
    frame = frame_of(tab)
    frame.get_by_label("Name", exact=True).fill("ball")
    frame.get_by_role("button", name="Add").click()
    frame.evaluate("v => window.samPage.jump(v)", CENTRE.tolist())
    frame.get_by_role("button", name="Box", exact=False).first.click()
    places = [
        voxel_on_screen(frame, 0, voxel)
        for voxel in corners(frame.evaluate("() => window.samPage.grid.axisOf(0)"))
    ]
    drag(tab, *(in_window(frame, *place) for place in places))
    frame.wait_for_selector("tr[data-object]")
    frame.get_by_role("button", name="Follow through the volume").click()
    frame.wait_for_function(
        "() => document.getElementById('message').textContent.includes('Review')"
    )
    frame.evaluate("() => window.samPage.drawing")
    picture(tab, "explore-volume")
    assert problems(frame) == []
    run_next(tab)
    ((name, value, voxels),) = json.loads(text_of(tab, 1))
    own, exported = (
        np.asarray(nibabel.load(tmp_path / f"{which}.nii.gz").dataobj)
        for which in ("own", "exported")
    )
    assert (name, value, voxels) == ("ball", 1, (own == 1).sum())
    assert np.array_equal(own, exported)
    assert (own > 0)[ball()[1]].mean() > 0.5
    drawn = frame.evaluate("() => [...window.samPage.nv.volumes[1].img]")
    assert np.array_equal(np.reshape(drawn, own.shape, order="F"), own)
