"""What a raster's page learns from what is shown to it: more objects alike, and land cover."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import SUITE, Viewer
from test_page import problems
from test_raster import click, objects, screen, wait_for_objects

HERE = Path(__file__).parent
SEES_COLOURS = f"""
import sys
sys.path.insert(0, {str(HERE.parents[1] / "oracles")!r})
from seeing_segmenters import SeesValues
from sam_common.server.sessions import models
models._load = lambda _name: SeesValues(model_size=128)
from sam_geo.cli.main import main
main()
"""
"""The program `sam-geo` with a network that finds the pixels of one colour."""


def scene(kind, folder):
    subprocess.run([SUITE, HERE / "scenes.py", kind, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    folder = scene("objects", tmp_path_factory.mktemp("discs"))
    viewer = Viewer(SEES_COLOURS, folder / "objects.tif")
    viewer.truth = json.loads((folder / "truth.json").read_text())
    yield viewer
    viewer.close()


@pytest.fixture(scope="module")
def cover(tmp_path_factory):
    folder = scene("cover", tmp_path_factory.mktemp("cover"))
    viewer = Viewer(SEES_COLOURS, folder / "many.tif")
    viewer.truth = np.load(folder / "truth.npy")
    viewer.names = json.loads((folder / "names.json").read_text())
    yield viewer
    viewer.close()


def message(tab, part):
    tab.wait_for_function(
        "part => document.getElementById('message').textContent.includes(part)", arg=part
    )


def more(tab):
    return tab.locator("section", has=tab.get_by_role("heading", name="More like these"))


@pytest.fixture
def tab(discs, open_tab):
    """A tab with three discs as objects, and a square."""
    discs.fresh()
    tab = open_tab(discs.address)
    places = [each for each in discs.truth if each["kind"] == "disc"][:3]
    places += [each for each in discs.truth if each["kind"] == "square"][:1]
    assert more(tab).get_by_role("button", name="Find more like these").is_disabled()
    for n, each in enumerate(places, start=1):
        click(tab, each["col"], each["row"])
        wait_for_objects(tab, n)
        tab.wait_for_function("n => window.samPage.drawn.size === n", arg=n)
        tab.keyboard.press("n")
    more(tab).get_by_label("object 4 is").select_option("something else")
    return tab


def candidates(tab):
    """Area and probability of each candidate that is drawn."""
    return tab.evaluate(
        """() => window.samPage.map.getLayers().getArray()
            .filter(layer => layer.getStyle?.()?.getStroke?.()?.getColor() === '#ff4fd8')
            .flatMap(layer => layer.getSource().getFeatures())
            .map(feature => feature.getGeometry().getArea())"""
    )


def test_more_objects_like_some_are_found_chosen_and_kept(discs, tab, picture):
    panel = more(tab)
    assert "3 examples. The first search finds everything" in panel.inner_text()
    panel.get_by_role("button", name="Find more like these").click()
    message(tab, "candidates are probably alike")
    assert "3 examples. Say what is something else, and search again" in panel.inner_text()
    every = panel.get_by_role("slider", name="Least probability")
    shown = candidates(tab)
    assert panel.get_by_role("button", name=f"Keep {len(shown)} as objects").is_visible()
    assert "by what the network sees, and by 3 bands of the file: red, green, blue." in (
        panel.inner_text()
    )
    picture(tab, "raster-similar")
    assert problems(tab) == []
    every.focus()
    tab.keyboard.press("Home")
    assert len(candidates(tab)) > len(shown) > 0
    tab.keyboard.press("End")
    assert len(candidates(tab)) <= len(shown)
    every.fill("0.5")
    assert candidates(tab) == shown
    panel.get_by_role("button", name=f"Keep {len(shown)} as objects").click()
    wait_for_objects(tab, 4 + len(shown))
    message(tab, f"{len(shown)} objects are kept")
    kept = objects(discs)[4:]
    # the pixels of an object are those of its candidate
    assert sorted(each["area"] for each in kept) == pytest.approx(sorted(shown))
    assert {each["class"] for each in kept} == {"object"}
    assert len({each["name"] for each in objects(discs)}) == 4 + len(shown)
    kinds = []
    for each in kept:
        (top, left), (bottom, right) = each["window"]
        row, column = (top + bottom) / 2, (left + right) / 2
        nearest = min(discs.truth, key=lambda t: abs(t["row"] - row) + abs(t["col"] - column))
        kinds.append(nearest["kind"])
    # half of the objects are squares
    assert kinds.count("disc") > 0.7 * len(kinds)
    assert candidates(tab) == []
    tab.keyboard.press("Control+z")
    wait_for_objects(tab, 4)


def test_a_kept_object_is_corrected_by_a_point(discs, tab):
    more(tab).get_by_role("button", name="Find more like these").click()
    message(tab, "candidates are probably alike")
    more(tab).get_by_role("button", name="Keep").click()
    message(tab, "objects are kept")
    kept = objects(discs)[4]
    (top, left), (bottom, right) = kept["window"]
    tab.get_by_role("button", name=kept["name"], exact=True).click()
    click(tab, (left + right) // 2, (top + bottom) // 2)
    message(tab, "Click again to correct it")
    again = next(each for each in objects(discs) if each["object"] == kept["object"])
    assert len(again["points"]) == 1
    assert again["area"] == kept["area"]


def test_candidates_are_saved_with_their_probabilities(tab, tmp_path):
    more(tab).get_by_role("button", name="Find more like these").click()
    message(tab, "candidates are probably alike")
    with tab.expect_download() as waited:
        more(tab).get_by_role("button", name="GeoPackage of all").click()
    assert waited.value.suggested_filename == "objects-similar.gpkg"
    waited.value.save_as(tmp_path / "all.gpkg")
    read = "import sys, geopandas; print(geopandas.read_file(sys.argv[1])['probability'].count())"
    found = subprocess.run(
        [SUITE, "-c", read, tmp_path / "all.gpkg"], check=True, capture_output=True, text=True
    )
    assert int(found.stdout) >= 40
    more(tab).get_by_role("button", name="Hide").click()
    assert candidates(tab) == []


def places_of(cover, number, count=4):
    """Rows and columns apart from each other around which a class alone lies."""
    same = cover.truth == number
    inside = [
        (row, column)
        for row in range(6, same.shape[0] - 6, 3)
        for column in range(6, same.shape[1] - 6, 3)
        if same[row - 3 : row + 4, column - 4 : column + 5].all()
    ]
    chosen = [inside[0]]
    for place in inside:
        if all(abs(place[0] - r) + abs(place[1] - c) > 25 for r, c in chosen):
            chosen.append(place)
    return chosen[:count]


def paint(tab, cover):
    """Strokes of all classes, the last one by keyboard."""
    tab.keyboard.press("4")
    for number, name in enumerate(cover.names):
        tab.get_by_label("Name", exact=True).fill(name)
        tab.get_by_role("button", name="Add").click()
        for row, column in places_of(cover, number):
            tab.mouse.move(*screen(tab, column - 2, row + 0.5))
            tab.mouse.down()
            tab.mouse.move(*screen(tab, column + 3, row + 0.5), steps=4)
            tab.mouse.up()
            message(tab, f"A sample of {name}.")


def land(tab):
    return tab.locator("section", has=tab.get_by_role("heading", name="Land cover"))


def test_land_cover_is_painted_mapped_judged_and_saved(cover, open_tab, picture, tmp_path):
    tab = open_tab(cover.address)
    assert land(tab).get_by_role("button", name="Make the map").is_disabled()
    paint(tab, cover)
    assert objects(cover) == []
    count = sum(len(places_of(cover, n)) for n in range(3))
    assert f"{count} samples of 3 classes." in land(tab).inner_text()
    # samples stay over a reload
    tab.reload()
    tab.wait_for_selector("body[data-ready]", state="attached")
    assert f"{count} samples of 3 classes." in land(tab).inner_text()
    tab.get_by_role("button", name="town", exact=True).click()
    tab.get_by_label("Colour of the chosen class").fill("#123456")
    with tab.expect_response(lambda answer: "/classes/" in answer.url) as tile:
        land(tab).get_by_role("button", name="Make the map").click()
    assert tile.value.status == 200
    message(tab, "of the samples' pixels are right")
    said = land(tab).inner_text()
    assert "On ground that was not learned, " in said
    assert "sam-geo assess" in said
    # two of the bands are shown nowhere
    assert "Learned from 5 bands of the file: red, green, nir, b4, b5." in said
    legend = tab.get_by_role("list", name="Classes of the map").inner_text()
    shares = {name: np.mean(cover.truth == n) for n, name in enumerate(cover.names)}
    for line in legend.splitlines():
        name, share = line.split(": ")
        assert float(share.split(" %")[0]) == pytest.approx(100 * shares[name], abs=6)
    # samples and chips get the colours of the map, but for the one that was chosen by hand
    swatches = dict(
        tab.get_by_role("list", name="Classes of the map")
        .locator("li")
        .evaluate_all(
            """lines => lines.map(each => [each.textContent.split(': ')[0],
                getComputedStyle(each.firstChild).backgroundColor])"""
        )
    )
    chips = dict(
        tab.get_by_role("group", name="Classes")
        .locator("button")
        .evaluate_all(
            """chips => chips.map(each => [each.textContent,
                getComputedStyle(each.firstChild).backgroundColor])"""
        )
    )
    assert {name: chips[name] for name in ("water", "field")} == {
        name: swatches[name] for name in ("water", "field")
    }
    assert chips["town"] == "rgb(18, 52, 86)" != swatches["town"]
    picture(tab, "raster-landcover")
    assert problems(tab) == []
    saved = []
    tab.on("download", lambda download: saved.append(download))  # noqa: PLW0108  # playwright marks it
    land(tab).get_by_role("button", name="COG").click()
    message(tab, "The map is saved")
    while len(saved) < 2:
        tab.wait_for_event("download")
    names = [each.suggested_filename for each in saved]
    assert names == ["many-landcover.tif", "many-landcover.tif.aux.xml"]
    for each in saved:
        each.save_as(tmp_path / each.suggested_filename)
    read = """
import sys, numpy, rasterio
with rasterio.open(sys.argv[1]) as map_:
    numpy.save(sys.argv[2], map_.read(1))
    print(map_.tags(ns="IMAGE_STRUCTURE")["LAYOUT"])
"""
    tif, npy = tmp_path / "many-landcover.tif", tmp_path / "map.npy"
    found = subprocess.run([SUITE, "-c", read, tif, npy], check=True, capture_output=True)
    assert found.stdout.strip() == b"COG"
    order = sorted(cover.names)
    expected = np.array([1 + order.index(name) for name in cover.names])[cover.truth]
    assert np.mean(np.load(npy) == expected) > 0.9
    land(tab).get_by_role("button", name="Hide the map").click()
    land(tab).get_by_role("button", name="Remove the last").click()
    assert f"{count - 1} samples of 3 classes." in land(tab).inner_text()
    land(tab).get_by_role("button", name="Remove all").click()
    assert land(tab).get_by_role("button", name="Make the map").is_disabled()


def test_a_sample_by_keyboard_and_samples_of_one_place(cover, open_tab):
    tab = open_tab(cover.address)
    for name in ("water", "field"):
        tab.get_by_label("Name", exact=True).fill(name)
        tab.get_by_role("button", name="Add").click()
        tab.get_by_role("button", name="Paint a sample").press("Enter")
        tab.focus(".ol-map")
        tab.keyboard.press("Enter")
    assert "2 samples of 2 classes." in land(tab).inner_text()
    # both lie on one pixel, which the server says
    land(tab).get_by_role("button", name="Make the map").press("Enter")
    tab.wait_for_selector("#alert:not([hidden])")
    assert "a map needs two or more" in tab.inner_text("#alert")
    assert land(tab).get_by_role("button", name="Make the map").is_enabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it_on_a_small_screen(cover, open_tab, picture, scheme):
    tab = open_tab(cover.address, scheme=scheme)
    tab.set_viewport_size({"width": 420, "height": 900})
    tab.focus(".ol-map")
    tab.keyboard.press("4")
    tab.keyboard.press("Enter")
    tab.evaluate("() => document.querySelector('.legend').scrollIntoView()")
    picture(tab, f"raster-narrow-{scheme}")
    assert problems(tab) == []
    assert tab.evaluate("() => document.documentElement.scrollWidth") <= 420
