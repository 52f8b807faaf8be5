"""A followed object in the browser: strokes, another answer, and measurements as DICOM SR."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import SUITE, Viewer
from test_page import problems
from test_volume import drag_box, objects, screen

HERE = Path(__file__).parent
BRIGHT_IN_BOXES = f"""
import sys
sys.path.insert(0, {str(HERE.parents[1] / "oracles")!r})
from shaded_objects import ShadeSegmenter
from sam_common.segmenter.capabilities import Capabilities
from sam_common.server.sessions import models
takes = Capabilities(points=False, boxes=True, masks=False, multimask=False)
models._load = lambda _name: ShadeSegmenter(capabilities=takes)
from sam_med.cli.main import main
main()
"""
"""The program `sam-med` with a network that finds what is bright in a box."""
AXIAL = 0


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series") / "ct"
    subprocess.run([SUITE, HERE / "phantom.py", folder], check=True)
    viewer = Viewer(BRIGHT_IN_BOXES, folder)
    yield viewer
    viewer.close()


@pytest.fixture
def tab(scan, open_tab):
    """A tab with an object that was followed: most of the larger ellipsoid."""
    scan.fresh()
    edits = f"{scan.session}/edits"
    scan.ask(edits, {"op": "add_object", "object": "o1", "name": "liver", "class": "liver"})
    for axis, index, box in ((0, 3, [1, 1, 42, 36]), (1, 9, [1, 1, 42, 10])):
        edit = {"op": "set_box", "object": "o1", "axis": axis, "index": index, "box": box}
        scan.ask(edits, edit)
    tab = open_tab(scan.address)
    tab.wait_for_selector("tr[data-object]")
    tab.get_by_role("button", name="liver", exact=True).last.click()
    tab.get_by_role("button", name="Follow through the volume").click()
    tab.wait_for_function("() => document.getElementById('message').textContent.includes('Review')")
    return tab


def mask(scan):
    """The voxels of the object as the server has them, (k, j, i) to whether it is there."""
    voxels = set()
    for part in scan.ask(f"{scan.session}/objects/o1/mask")["masks"]:
        (top, left), _ = part["window"]
        rows, at, value = part["size"][0], 0, 0
        for count in part["counts"]:
            for n in range(at, at + count) if value else ():
                voxels.add((part["index"], top + n % rows, left + n // rows))
            at, value = at + count, 1 - value
    return voxels


def said(tab):
    return tab.inner_text("#message")


def draw(tab, *voxels):
    """A stroke on the axial plane from voxel to voxel (i, j, k) of one slice."""
    tab.evaluate("v => window.samPage.jump(v)", list(voxels[0]))
    places = [screen(tab, AXIAL, voxel) for voxel in voxels]
    tab.mouse.move(*places[0])
    tab.mouse.down()
    for place in places[1:]:
        tab.mouse.move(*place, steps=6)


def test_a_stroke_says_what_is_the_object_and_what_is_not(scan, tab, picture):
    before = mask(scan)
    tab.keyboard.press("6")
    draw(tab, (27, 26, 8), (30, 28, 8), (33, 26, 8))
    assert tab.locator(".stroke polyline").get_attribute("points").count(",") > 6
    picture(tab, "volume-stroke")
    tab.mouse.up()
    tab.wait_for_function("() => window.samPage.session.objects[0].marks.length === 1")
    (found,) = objects(scan)
    (mark,) = found["marks"]
    assert (mark["mark"], mark["label"], mark["axis"]) == ("scribble", 0, 0)
    assert {point[2] for point in mark["points"]} == {8}
    first, last = mark["points"][0], mark["points"][-1]
    assert first[:2] == pytest.approx([27, 26], abs=1)
    assert last[:2] == pytest.approx([33, 26], abs=1)
    after = mask(scan)
    assert after < before
    assert not after & {(8, int(j), int(i)) for i, j, _ in mark["points"]}
    tab.wait_for_function(
        "() => document.getElementById('message').textContent.includes('reaches')"
    )
    drawn = tab.evaluate("() => window.samPage.nv.volumes[1].img.reduce((n, v) => n + (v > 0), 0)")
    assert drawn == len(after)
    tab.keyboard.press("Control+z")
    tab.wait_for_function("() => window.samPage.session.objects[0].marks.length === 0")
    assert mask(scan) == before
    # the small ellipsoid belongs to it, too
    tab.keyboard.press("5")
    draw(tab, (8, 9, 3), (11, 9, 3))
    tab.mouse.up()
    tab.wait_for_function("() => window.samPage.session.objects[0].marks.length === 1")
    assert {(3, 9, 9), (3, 9, 10)} <= mask(scan)


def test_a_stroke_by_keyboard_and_one_that_comes_too_early(scan, tab):
    before = mask(scan)
    tab.evaluate("v => window.samPage.jump(v)", [30, 26, 8])
    tab.get_by_role("button", name="Stroke beside it").press("Enter")
    tab.get_by_text("Type a stroke").click()
    form = tab.locator("details", has_text="Type a stroke")
    for name, value in (("x 1", 28), ("y 1", 26), ("x 2", 32), ("y 2", 26)):
        form.get_by_label(name).fill(str(value))
    form.get_by_role("button", name="Draw the stroke").press("Enter")
    tab.wait_for_function("() => window.samPage.session.objects[0].marks.length === 1")
    assert before - mask(scan) >= {(8, 26, i) for i in range(28, 33)}
    tab.get_by_role("button", name="Next object").click()
    draw(tab, (30, 26, 8), (33, 26, 8))
    tab.mouse.up()
    assert said(tab).startswith("First follow the object through the volume")
    assert len(objects(scan)) == 1


def test_another_answer_is_taken_and_undone(scan, tab, picture):
    answers = scan.ask(f"{scan.session}/objects/o1/candidates")
    assert [each["number"] for each in answers] == [1, 2]
    rows = tab.locator("section", has_text="Other answers").locator("tbody tr")
    rows.nth(1).wait_for()
    assert rows.count() == 2
    first = mask(scan)
    assert len(first) == answers[0]["voxels"]
    assert rows.nth(1).inner_text().split("\t")[:3] == [
        "Answer 2", f"{answers[1]['score']:.2f}", f"{answers[1]['agreement']:.2f}",
    ]  # fmt: skip
    rows.nth(1).get_by_role("button").press("Enter")
    tab.wait_for_function("() => window.samPage.session.objects[0].candidate === 2")
    second = mask(scan)
    assert len(second) == answers[1]["voxels"] != len(first)
    tab.wait_for_selector("tr.current button[aria-pressed=true]:focus")
    tab.evaluate("() => window.samPage.drawing")
    drawn = tab.evaluate("() => window.samPage.nv.volumes[1].img.reduce((n, v) => n + (v > 0), 0)")
    assert drawn == len(second)
    picture(tab, "volume-answers")
    assert problems(tab) == []
    tab.keyboard.press("Control+z")
    tab.wait_for_function("() => window.samPage.session.objects[0].candidate === null")
    assert mask(scan) == first


def test_measurements_are_saved_as_dicom_sr(scan, tab, tmp_path):
    with tab.expect_download() as waited:
        tab.get_by_role("button", name="Measurements (SR)").click()
    assert waited.value.suggested_filename == "volume-segmentation.sr.dcm"
    waited.value.save_as(tmp_path / "m.sr.dcm")
    read = """
import sys, pydicom
report = pydicom.dcmread(sys.argv[1])
template = report.ContentTemplateSequence[0].TemplateIdentifier
print(report.Modality, template, "liver" in str(report).lower())
"""
    found = subprocess.run(
        [SUITE, "-c", read, tmp_path / "m.sr.dcm"], check=True, capture_output=True, text=True
    )
    assert found.stdout.split() == ["SR", "1500", "True"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it_on_a_small_screen(tab, picture, scheme):
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size({"width": 420, "height": 900})
    for summary in tab.query_selector_all("summary"):
        summary.click()
    tab.evaluate("() => window.samPage.drawing")
    picture(tab, f"volume-narrow-{scheme}")
    assert problems(tab) == []
    wide = tab.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 420


def test_a_box_is_still_a_box(scan, tab):
    scan.fresh()
    tab.evaluate("() => dispatchEvent(new Event('focus'))")
    tab.wait_for_function("() => !document.querySelector('tr[data-object]')")
    tab.evaluate("v => window.samPage.jump(v)", [30, 26, 8])
    drag_box(tab, AXIAL, (18, 15, 8), (42, 37, 8))
    assert objects(scan)[0]["boxes"][0]["axis"] == 0
