"""Objects that are found by themselves: each is seen, the smallest one is picked, some are kept."""

from __future__ import annotations

import json

import pytest
from conftest import Viewer
from test_learned import HERE, message, scene
from test_page import problems
from test_raster import objects, screen, wait_for_objects

SEES_FILLED = f"""
import sys
sys.path.insert(0, {str(HERE.parents[1] / "oracles")!r})
from scipy import ndimage
from seeing_segmenters import SeesValues
from sam_common.masks.decoded import MaskRegion
from sam_common.server.sessions import models
class SeesFilled(SeesValues):
    def seen(self, image, prompts):
        found = SeesValues.seen(self, image, prompts)
        return found and MaskRegion(found.window, ndimage.binary_fill_holes(found.mask))
models._load = lambda _name: SeesFilled(model_size=512)
from sam_geo.cli.main import main
main()
"""
"""The program `sam-geo` with a network that finds the pixels of a colour and what they enclose."""
INNER = (69, 69)
"""Column and row of the smallest rectangle, which lies in two others."""
BETWEEN = (45, 69)
"""Column and row of the one around it."""
SEEN = """(kind) => {
    const {map, outlines, everything, session} = window.samPage;
    map.renderSync();
    const [width, height] = map.getSize();
    const sheet = new OffscreenCanvas(width, height).getContext('2d');
    for (const each of map.getViewport().querySelectorAll('canvas')) sheet.drawImage(each, 0, 0);
    const {data} = sheet.getImageData(0, 0, width, height);
    const dot = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const channels = (css) => {
        dot.fillStyle = css;
        dot.fillRect(0, 0, 1, 1);
        return dot.getImageData(0, 0, 1, 1).data;
    };
    const away = (wanted, [x, y]) => Math.min(...[-1, 0, 1].flatMap(dx => [-1, 0, 1].map(dy => {
        const at = 4 * ((Math.round(y) + dy) * width + Math.round(x) + dx);
        return Math.max(...[0, 1, 2].map(n => Math.abs(data[at + n] - wanted[n])));
    })));
    const layer = kind === 'found' ? everything.layer : outlines;
    const features = layer.getSource().getFeatures();
    return features.sort((a, b) => b.get('size') - a.get('size')).map(feature => {
        const style = kind === 'found' ? feature.get('style') : layer.getStyle()(feature);
        const wanted = channels(style.at(-1).getStroke().getColor());
        const shape = feature.getGeometry();
        const parts = shape.getCoordinates();
        const rings = shape.getType() === 'Polygon' ? parts : parts.flat();
        const between = (from, to, part) => from.map((v, n) => v + part * (to[n] - v));
        const places = rings.flatMap(ring => ring.slice(1).flatMap((end, n) =>
            [0.25, 0.5, 0.75].map(part => between(ring[n], end, part))));
        const near = places.filter(place => away(wanted, map.getPixelFromCoordinate(place)) < 6);
        return {share: near.length / places.length, colour: wanted.join()};
    });
}"""
"""Of each outline, the largest first: its colour, and the share of its places that show it."""


@pytest.fixture(scope="module")
def nested(tmp_path_factory):
    folder = scene("nested", tmp_path_factory.mktemp("nested"))
    viewer = Viewer(SEES_FILLED, folder / "nested.tif")
    viewer.areas = json.loads((folder / "areas.json").read_text())
    yield viewer
    viewer.close()


def everything(tab):
    return tab.locator("section", has=tab.get_by_role("heading", name="Everything"))


def shown(tab):
    """Number of found outlines on the map."""
    return tab.evaluate("() => window.samPage.everything.layer.getSource().getFeatures().length")


def area(tab):
    """Pixels of the outline that is lit; None where there is none."""
    return tab.evaluate(
        "() => window.samPage.picker.lit.getSource().getFeatures()[0]?.get('size') ?? null"
    )


def point_at(tab, place):
    tab.mouse.move(*screen(tab, place[0] + 0.5, place[1] + 0.5))


@pytest.fixture
def tab(nested, open_tab):
    """A tab in which everything was found."""
    nested.fresh()
    tab = open_tab(nested.address)
    everything(tab).get_by_role("button", name="Find everything").click()
    message(tab, "6 objects found.")
    return tab


def test_each_object_is_seen_in_a_colour_of_its_own(nested, tab, picture):
    picture(tab, "raster-everything-nested")
    seen = tab.evaluate(SEEN, "found")
    assert len(seen) == len(nested.areas) == 6
    assert len({each["colour"] for each in seen}) == 6
    assert min(each["share"] for each in seen) > 0.9, seen
    assert everything(tab).get_by_role("heading", name="Everything (6)").is_visible()
    rows = everything(tab).locator("tbody tr").all_inner_texts()
    # half a metre a pixel, on the ground
    expected = sorted((area / 4 for area in nested.areas), reverse=True)
    assert [float(row.split("\t")[1].split(" m²")[0]) for row in rows] == pytest.approx(
        expected, rel=0.003
    )
    assert problems(tab) == []


def test_the_smallest_one_around_the_pointer_is_picked(nested, tab):
    point_at(tab, INNER)
    tab.wait_for_function("() => document.getElementById('place').textContent.includes('found 6')")
    assert area(tab) == 400
    point_at(tab, BETWEEN)
    tab.wait_for_function("() => document.getElementById('place').textContent.includes('found 2')")
    assert area(tab) == 3600
    point_at(tab, (5, 234))
    tab.wait_for_function("() => !document.getElementById('place').textContent.includes('found')")
    assert area(tab) is None
    tab.mouse.click(*screen(tab, 5.5, 234.5))
    message(tab, "There is no object at that place.")
    # who points at the line itself, beside the pixels, means the outline
    tab.mouse.move(*screen(tab, 14.5, 120))
    tab.wait_for_function("() => document.getElementById('place').textContent.includes('found 1')")
    tab.mouse.click(*screen(tab, INNER[0] + 0.5, INNER[1] + 0.5))
    message(tab, "object 1 is kept")
    (kept,) = objects(nested)
    assert (kept["area"], kept["window"]) == (400, [[60, 60], [80, 80]])
    assert shown(tab) == 5
    # an own object is picked, too: the one around it is larger
    tab.mouse.click(*screen(tab, INNER[0] + 0.5, INNER[1] + 0.5))
    message(tab, "object 1 is chosen")
    assert len(objects(nested)) == 1
    tab.keyboard.press("Control+z")
    wait_for_objects(tab, 0)
    assert shown(tab) == 6


def test_found_objects_are_kept_by_their_rows_and_all_at_once(nested, tab):
    everything(tab).get_by_role("button", name="Keep found 6").press("Enter")
    message(tab, "object 1 is kept")
    assert shown(tab) == 5
    everything(tab).get_by_role("button", name="Keep 5 as objects").click()
    message(tab, "5 objects are kept")
    assert [each["area"] for each in objects(nested)] == [400, *sorted(nested.areas)[:0:-1]]
    assert shown(tab) == 0
    tab.keyboard.press("Control+z")
    wait_for_objects(tab, 1)
    assert shown(tab) == 5


def test_what_was_found_stays_over_a_reload_until_it_is_hidden(nested, tab):
    everything(tab).get_by_role("button", name="Keep found 6").click()
    message(tab, "object 1 is kept")
    tab.reload()
    tab.wait_for_selector("body[data-ready]", state="attached")
    assert shown(tab) == 5
    tab.keyboard.press("5")
    everything(tab).get_by_role("button", name="Hide").click()
    assert shown(tab) == 0
    assert tab.get_by_role("button", name="Point on it").get_attribute("aria-pressed") == "true"
    tab.reload()
    tab.wait_for_selector("body[data-ready]", state="attached")
    assert shown(tab) == 0


def test_a_large_object_does_not_hide_a_small_one(nested, open_tab):
    nested.fresh()
    tab = open_tab(nested.address)

    def mask(rows, columns):
        size = [rows[1] - rows[0], columns[1] - columns[0]]
        window = [[rows[0], columns[0]], [rows[1], columns[1]]]
        return {"window": window, "size": size, "counts": [0, size[0] * size[1]]}

    small, large = mask((60, 80), (60, 80)), mask((20, 220), (20, 300))
    # the larger one is made last
    made = [("tree", small), ("field", large)]
    nested.ask(
        f"{nested.session}/edits",
        {"op": "add_objects", "objects": [{"name": n, "class": n, "mask": m} for n, m in made]},
    )
    tab.evaluate("() => dispatchEvent(new Event('focus'))")
    wait_for_objects(tab, 2)
    tab.wait_for_function("() => window.samPage.drawn.size === 2")
    seen = tab.evaluate(SEEN, "own")
    assert len({each["colour"] for each in seen}) == 2
    assert min(each["share"] for each in seen) > 0.9, seen
    tab.keyboard.press("5")
    tab.mouse.click(*screen(tab, INNER[0] + 0.5, INNER[1] + 0.5))
    message(tab, "tree is chosen")
    assert tab.get_by_role("button", name="tree", exact=True).first.is_visible()
    tab.mouse.click(*screen(tab, 150.5, 30.5))
    message(tab, "field is chosen")
