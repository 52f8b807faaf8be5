"""`explore` in JupyterLab: what is clicked in an output is what Python gets."""

from __future__ import annotations

import json

import pytest
from conftest import SUITE, TREES, WAIT_MS
from jupyter_lab import Lab, frame_of, run_next, text_of
from test_page import problems
from test_raster import TREE

EXPLORE = f"""
import sam_geo
trees = sam_geo.explore({str(TREES)!r})
trees
"""


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
        lambda said: said.type == "error"
        and said.location["url"].startswith(("blob:", "about:srcdoc"))
        and errors.append(said.text),
    )
    yield page
    context.close()
    assert errors == []


def screen(frame, column, row):
    """Where a place of a raster is in the window of the browser."""
    holder = frame.frame_element().bounding_box()
    x, y = frame.evaluate(
        """([x, y]) => {
            const box = document.querySelector('.ol-map').getBoundingClientRect();
            const [left, top] = window.samPage.map.getPixelFromCoordinate([x, -y]);
            return [box.x + left, box.y + top];
        }""",
        [column + 0.5, row + 0.5],
    )
    # the border of the frame
    return holder["x"] + 1 + x, holder["y"] + 1 + y


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
