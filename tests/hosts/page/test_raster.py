"""A raster in the browser: what a person clicks is what the server's own interface gives."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3

import pytest
from conftest import WAIT_MS

TREE = (158, 223)
"""Column and row of a tree of the picture."""
FOUND = "window.samPage.everything.layer.getSource().getFeatures().length"
"""Number of outlines of everything that are drawn."""
FOUND_MS = 400_000
"""How long everything may take to be found on a busy machine."""


@pytest.fixture
def tab(trees, open_tab):
    """A tab with no objects."""
    trees.fresh()
    return open_tab(trees.address)


def screen(tab, column, row):
    """Where a place of the raster, in pixel corners, is on the screen."""
    return tab.evaluate(
        """([x, y]) => {
            const box = document.querySelector('.ol-map').getBoundingClientRect();
            const [left, top] = window.samPage.map.getPixelFromCoordinate([x, -y]);
            return [box.x + left, box.y + top];
        }""",
        [column, row],
    )


def click(tab, column, row, *, shift=False):
    if shift:
        tab.keyboard.down("Shift")
    tab.mouse.click(*screen(tab, column + 0.5, row + 0.5))
    if shift:
        tab.keyboard.up("Shift")


def objects(trees):
    return trees.ask(f"{trees.session}/objects")


def wait_for_objects(tab, count):
    tab.wait_for_function(
        "n => document.querySelectorAll('tr[data-object]').length === n", arg=count
    )


def mask_of(trees, name):
    return trees.ask(f"{trees.session}/objects/{name}/mask")["masks"]


def test_a_click_gives_the_mask_of_the_interface(trees, tab, picture):
    click(tab, *TREE)
    wait_for_objects(tab, 1)
    (clicked,) = objects(trees)
    ((point, label),) = [(p["point"], p["label"]) for p in clicked["points"]]
    assert label == 1
    assert [round(v, 6) for v in point] == pytest.approx(TREE, abs=0.5)
    edits = f"{trees.session}/edits"
    asked = trees.ask(edits, {"op": "add_object", "name": "other"})["changed"][0]["object"]
    trees.ask(edits, {"op": "add_point", "object": asked, "point": point})
    assert mask_of(trees, clicked["object"]) == mask_of(trees, asked)
    # the page may have asked for news meanwhile, and then draws the other one, too
    tab.wait_for_function("name => window.samPage.drawn.get(name)?.feature", arg=clicked["object"])
    # the outline that is drawn has as many pixels as the mask
    area = tab.evaluate(
        "name => window.samPage.drawn.get(name).feature.getGeometry().getArea()",
        clicked["object"],
    )
    assert area == pytest.approx(clicked["area"])
    # the pointer was somewhere beside it a moment ago, and a preview is drawn now
    tab.mouse.move(*screen(tab, TREE[0] + 60, TREE[1] - 60))
    tab.wait_for_function("() => window.samPage.ghost.getSource().getFeatures().length === 1")
    picture(tab, "raster-click")


def test_a_point_beside_a_box_and_undo(trees, tab):
    click(tab, *TREE, shift=True)
    assert "First click on the object" in tab.inner_text("#message")
    tab.keyboard.press("3")
    (x0, y0), (x1, y1) = screen(tab, 140, 200), screen(tab, 180, 250)
    tab.mouse.move(x0, y0)
    tab.mouse.down()
    tab.mouse.move(x1, y1, steps=4)
    tab.mouse.up()
    wait_for_objects(tab, 1)
    (boxed,) = objects(trees)
    assert boxed["boxes"][0]["box"] == pytest.approx([139.5, 199.5, 179.5, 249.5], abs=0.51)
    tab.keyboard.press("1")
    click(tab, 170, 240, shift=True)
    tab.wait_for_function(
        "() => document.getElementById('message').textContent.includes('Click again')"
    )
    tab.wait_for_function("() => window.samPage.session.objects[0].points.length === 1")
    assert objects(trees)[0]["points"][0]["label"] == 0
    tab.keyboard.press("Control+z")
    tab.wait_for_function("() => window.samPage.session.objects[0].points.length === 0")
    assert objects(trees)[0]["area"] == boxed["area"]
    tab.get_by_role("button", name="Undo").click()
    wait_for_objects(tab, 0)
    assert objects(trees) == []
    assert tab.get_by_role("button", name="Redo").is_enabled()
    tab.keyboard.press("Control+Shift+z")
    wait_for_objects(tab, 1)
    assert objects(trees)[0]["area"] == boxed["area"]


def test_classes_next_object_and_delete(trees, tab):
    tab.get_by_label("Name", exact=True).fill("tree")
    tab.get_by_role("button", name="Add").click()
    click(tab, *TREE)
    wait_for_objects(tab, 1)
    tab.keyboard.press("n")
    click(tab, 60, 300)
    wait_for_objects(tab, 2)
    found = objects(trees)
    assert [each["class"] for each in found] == ["tree", "tree"]
    assert [each["name"] for each in found] == ["tree 1", "tree 2"]
    tab.get_by_label("Class of tree 1").select_option("object")
    tab.wait_for_function("() => window.samPage.session.objects[0].class === 'object'")
    tab.get_by_role("button", name="Delete tree 2").click()
    wait_for_objects(tab, 1)
    assert [(each["name"], each["class"]) for each in objects(trees)] == [("tree 1", "object")]


def test_what_a_person_is_about_to_choose_stays_when_the_page_asks_for_news(trees, tab):
    click(tab, *TREE)
    wait_for_objects(tab, 1)
    tab.wait_for_function("() => [...window.samPage.drawn.values()][0]?.feature")
    tab.evaluate("() => { window.row = document.querySelector('tr[data-object]'); }")
    with tab.expect_response(lambda answer: answer.url.endswith("/objects")):
        tab.evaluate("() => dispatchEvent(new Event('focus'))")
    tab.evaluate("() => window.samPage.session.inTurn(() => {})")
    assert tab.evaluate("() => window.row.isConnected")
    # the key removes it, also from a control that takes no letters
    tab.get_by_label("Colour of the chosen class").focus()
    tab.keyboard.press("Delete")
    wait_for_objects(tab, 0)
    tab.keyboard.press("Control+z")
    wait_for_objects(tab, 1)


def test_letters_show_no_cross_to_who_works_by_mouse(tab):
    cross = tab.locator(".ol-map .middle")
    tab.mouse.click(*screen(tab, *TREE))
    tab.keyboard.press("n")
    assert tab.evaluate("() => document.activeElement.className").startswith("ol-map")
    assert not cross.is_visible()
    assert tab.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "none"
    tab.keyboard.press("ArrowRight")
    assert cross.is_visible()
    tab.mouse.click(*screen(tab, *TREE))
    assert not cross.is_visible()
    tab.locator(".ol-zoom-out").focus()
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Shift+Tab")
    assert tab.evaluate("() => document.activeElement.className").startswith("ol-map")
    assert cross.is_visible()


def test_by_keyboard_alone(trees, tab):
    tab.focus(".ol-map")
    tab.keyboard.press("Enter")
    wait_for_objects(tab, 1)
    (found,) = objects(trees)
    assert found["points"][0]["point"] == pytest.approx([199.5, 199.5], abs=0.01)
    tab.keyboard.press("n")
    tab.get_by_text("Type a box").click()
    for name, value in (("column 1", 20), ("row 1", 30), ("column 2", 60), ("row 2", 80)):
        tab.get_by_label(name).fill(str(value))
    tab.get_by_role("button", name="Draw the box").click()
    wait_for_objects(tab, 2)
    assert objects(trees)[1]["boxes"][0]["box"] == [20, 30, 60, 80]


def test_a_reload_keeps_session_and_objects_and_the_address_is_clean(trees, tab):
    assert tab.url == f"{trees.origin}/"
    click(tab, *TREE)
    wait_for_objects(tab, 1)
    tab.reload()
    tab.wait_for_selector("body[data-ready]", state="attached")
    wait_for_objects(tab, 1)
    assert tab.url == f"{trees.origin}/"
    tab.wait_for_function("() => [...window.samPage.drawn.values()][0]?.feature")


def test_two_tabs_see_the_same_objects(trees, tab, open_tab):
    other = open_tab(trees.address, context=tab.context)
    click(tab, *TREE)
    wait_for_objects(tab, 1)
    other.bring_to_front()
    other.evaluate("() => dispatchEvent(new Event('focus'))")
    wait_for_objects(other, 1)


def test_the_place_of_the_pointer(trees, tab):
    tab.mouse.move(*screen(tab, 100.5, 50.5))
    tab.wait_for_function("() => document.getElementById('place').textContent")
    said = tab.inner_text("#place")
    column, row = map(int, re.match(r"column (\d+), row (\d+) ", said).groups())
    assert (column, row) == pytest.approx((100, 50), abs=1)
    a, b, c, d, e, f = trees.ask(trees.session)["frame"]["affine"]
    x, y = map(float, re.search(r"x ([\d.]+), y ([\d.]+)", said).groups())
    assert x == pytest.approx(a * 100.5 + b * 50.5 + c, abs=abs(a))
    assert y == pytest.approx(d * 100.5 + e * 50.5 + f, abs=abs(e))
    assert "UTM zone 17N" in said


def test_objects_are_saved(trees, tab, tmp_path):
    click(tab, *TREE)
    wait_for_objects(tab, 1)
    with tab.expect_download() as waited:
        tab.get_by_role("button", name="GeoJSON").click()
    assert waited.value.suggested_filename == "OSBS_029-objects.geojson"
    waited.value.save_as(tmp_path / "o.geojson")
    (feature,) = json.loads((tmp_path / "o.geojson").read_text())["features"]
    assert feature["properties"]["name"] == "object 1"


def test_finding_everything_can_be_cancelled(trees, tab):
    tab.get_by_role("button", name="Find everything").click()
    tab.wait_for_selector("progress")
    tab.wait_for_function(
        "() => /Finding everything: \\d+ %$/m.test(document.getElementById('panel').innerText)"
    )
    tab.get_by_role("button", name="Cancel").click()
    tab.wait_for_function(
        "() => document.getElementById('message').textContent.includes('cancelled')"
    )
    assert tab.get_by_role("button", name="Find everything").is_enabled()


def test_everything_that_is_found_is_drawn_and_saved(trees, tab, picture, tmp_path):
    tab.get_by_role("button", name="Find everything").click()
    tab.wait_for_function(f"() => {FOUND} > 0", timeout=FOUND_MS)
    drawn = tab.evaluate(f"() => {FOUND}")
    assert tab.inner_text("#message") == f"{drawn} objects found."
    picture(tab, "raster-everything")
    with tab.expect_download() as waited:
        tab.get_by_role("button", name="GeoPackage of all").click()
    waited.value.save_as(tmp_path / "all.gpkg")
    with contextlib.closing(sqlite3.connect(tmp_path / "all.gpkg")) as table:
        (layer,) = table.execute("SELECT table_name FROM gpkg_contents").fetchone()
        assert table.execute(f'SELECT COUNT(*) FROM "{layer}"').fetchone() == (drawn,)  # noqa: S608
    tab.get_by_role("button", name="Hide").click()
    assert tab.evaluate(f"() => {FOUND}") == 0


def test_a_touch_is_a_click(trees, browser):
    trees.fresh()
    context = browser.new_context(has_touch=True, viewport={"width": 800, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.goto(trees.address)
    tab.wait_for_selector("body[data-ready]", state="attached")
    tab.touchscreen.tap(*screen(tab, *TREE))
    wait_for_objects(tab, 1)
    context.close()
