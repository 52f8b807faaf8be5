"""Reports: what stands on the page about a map, and that nothing else does."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from cover_scenes import cover_scene
from map_records import (
    COLOURS,
    NAMES,
    NASTY,
    accuracy,
    applied,
    checked,
    figure,
    record_of_map,
    training,
)
from pages import Page, picture, style, words
from typer.testing import CliRunner

from sam_common.errors import InputError
from sam_common.pages.template import TOLD
from sam_geo.cli.main import app
from sam_geo.learning.trials import Outcome, candidates
from sam_geo.map_report.report import (
    MOST_CHIPS,
    SETS_OF_FEATURES,
    report_page,
    write_report,
)
from sam_geo.mapping.request import LandcoverRequest, SampleChoice
from sam_geo.mapping.run import run_landcover

MINUS, DASH, TIMES = "\N{MINUS SIGN}", "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"


def page_of(record, path):
    return Page(report_page(record, path))


def doubts(count):
    return [
        {"row": 10 * n, "said": "water", "found": "town", "probability": 0.95 - n / 200,
         "cell": [3 * n, 2 * n]}
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
def values(thirds):
    return thirds


@pytest.fixture
def class_map(write_map, values):
    return write_map(values, probability=np.where(values, 55 + 6 * values, 0))


def scalars(part):
    """Every text and number within a part of a record."""
    if isinstance(part, dict):
        yield from part
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        for each in part:
            yield from scalars(each)
    elif part is not None:
        yield str(part)


def test_the_title_says_what_it_is(class_map, values):
    os.utime(class_map, (1_700_000_000, 1_700_000_000))
    page = page_of(record_of_map(values), class_map)
    assert page.find("title")[0]["text"] == "Land cover: map.tif"
    (head,) = page.find("header")
    for text in (
        "map.tif", "14 November 2023, 22:13 UTC", f"120 {TIMES} 90 pixels of 10 m",
        "1.2 km wide, 900 m high", "10,710 pixels (99.2 %)", "107 ha",
        "WGS 84 / UTM zone 33N EPSG:32633", "scene.tif, dem.tif", "2 bands: blue, red",
        "103 samples of my samples.gpkg", "103 pixels, column cover",
    ):  # fmt: skip
        assert text in words(head)


def test_the_areas_are_those_of_the_record(class_map, values):
    page = page_of(record_of_map(values, m2_per_pixel=99.5), class_map)
    rows = [words(row) for row in page.find("tr") if "section" in row["within"]][:5]
    assert rows == [
        "class mapped, ha share pixels value",
        "water 10.7 10.0 % 1,071 1",
        "forest 63.9 60.0 % 6,426 2",
        "town 32.0 30.0 % 3,213 7",
        "all 107 100 % 10,710",
    ]
    bars = [style(each) for each in page.find("i", class_="mapped")]
    assert [bar["width"] for bar in bars] == ["16.667%", "100.000%", "50.000%"]
    assert [bar["background"] for bar in bars] == ["#466b9f", "#006400", "#eb0000"]


def test_the_pictures_are_those_of_the_map(class_map, values):
    page = page_of(record_of_map(values), class_map)
    shown, certain = (picture(each["src"]) for each in page.find("img"))
    assert shown.shape == certain.shape == (900, 1200, 4)
    assert shown[5, 5].tolist() == [*COLOURS["1"], 255]
    assert shown[895, 5].tolist() == [*COLOURS["2"], 255]
    assert shown[5, 1195].tolist() == certain[5, 1195].tolist() == [0, 0, 0, 0]
    legend, ramp = (words(each) for each in page.find("ul", class_="legend"))
    assert legend == "water forest town no class"
    assert ramp.startswith("90 to 100 % 30.0 % of the map 80 to 90 % 0 %")
    swatches = page.find("i", class_="swatch")
    assert [style(each)["background"] for each in swatches[:3]] == ["#466b9f", "#006400", "#eb0000"]


def test_a_class_without_a_pixel_is_told(write_map, values):
    path = write_map(np.where(values == 7, 2, values))
    page = page_of(record_of_map(np.where(values == 7, 2, values)), path)
    assert words(page.find("ul", class_="legend")[0]) == "water forest town not in the map no class"


def test_a_map_of_which_nothing_has_a_class(write_map, values):
    nothing = np.zeros_like(values)
    page = page_of(record_of_map(nothing), write_map(nothing, probability=nothing))
    assert "0 pixels (0 %)" in words(page.find("header")[0])
    assert "all 0 100 % 0" in page.section("areas")
    assert not picture(page.find("img")[0]["src"]).any()


SYSTEMS = {
    "utm": ("EPSG:32633", Affine(10, 0, 465_000, 0, -10, 5_080_000)),
    "web mercator": ("EPSG:3857", Affine(10, 0, 1_300_000, 0, -10, 8_400_000)),
    "degrees": ("EPSG:4326", Affine(0.001, 0, 10, 0, -0.001, 60)),
    "feet": ("EPSG:2263", Affine(1, 0, 980_000, 0, -1, 200_000)),
    "turned": (
        "EPSG:32633",
        Affine.translation(5e5, 58e5) @ Affine.rotation(30) @ Affine.scale(10, -10),
    ),
    "from the south": ("EPSG:32633", Affine(10, 0, 465_000, 0, 10, 5_080_000)),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_scale_bar_is_as_long_as_it_says(write_map, values, name):
    crs, transform = SYSTEMS[name]
    page = page_of(record_of_map(values), write_map(values, crs=crs, transform=transform))
    (bar,) = page.find("div", class_="bar")
    columns = float(style(bar)["width"].removesuffix("%")) / 100 * values.shape[1]
    middle = values.shape[1] / 2
    way = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    (x0, y0), (x1, y1) = (
        way.transform(*(transform @ (col, values.shape[0] / 2)))
        for col in (middle - columns / 2, middle + columns / 2)
    )
    metres = pyproj.Geod(ellps="WGS84").inv(x0, y0, x1, y1)[2]
    number, unit = words(bar).removeprefix("0 ").split(" ")
    said = float(number.replace(",", "")) * {"km": 1000, "m": 1, "cm": 0.01}[unit]
    assert metres == pytest.approx(said, rel=0.01)
    assert f"The bar is {number} {unit} on the ground" in page.section("map")


def test_north_is_told_where_it_is_not_up(write_map, values):
    texts, turns = {}, {}
    for name, (crs, transform) in SYSTEMS.items():
        page = page_of(record_of_map(values), write_map(values, crs=crs, transform=transform))
        texts[name] = page.section("map")
        turns[name] = float(
            re.search(r"rotate\((.*)deg\)", page.find("svg", class_="north")[0]["style"])[1]
        )
    assert "North is 30° clockwise from up" in texts["turned"]
    assert turns["turned"] == pytest.approx(30, abs=0.5)
    assert "North is" not in texts["utm"] + texts["feet"] + texts["from the south"]
    assert max(abs(turns[name]) for name in turns if name != "turned") < 1
    assert "The last row of the raster is drawn on top" in texts["from the south"]


def test_no_arrow_where_north_has_no_direction(write_map, values):
    path = write_map(values, crs="EPSG:3031", transform=Affine(4e4, 0, -24e5, 0, -4e4, 18e5))
    page = page_of(record_of_map(values), path)
    assert page.find("svg") == []
    assert "no north arrow, because north is not one direction in this map" in page.section("map")
    assert "as long a line is" in page.section("map")


def test_a_map_without_a_system_has_pixels_for_areas(write_map, values):
    trained = training(NAMES.values(), doubts=doubts(1))
    page = page_of(record_of_map(values, trained=trained), write_map(values, crs=None))
    assert page.find("div", class_="bar") == page.find("svg") == []
    assert "ha" not in page.section("areas").split()
    assert "mapped, ha" not in page.section("areas")
    assert "no scale bar, because lengths on the ground are unknown" in page.section("map")
    assert "none: pixels have no place on the Earth" in page.text
    assert "longitude" not in page.section("labels")


def test_three_accuracies_stand_side_by_side(class_map, values):
    record = record_of_map(values)
    record["checked"] = checked(record["areas"])
    page = page_of(record, class_map)
    random, blocked, design = (words(each) for each in page.find("article"))
    both = record["training"]["accuracies"]
    assert random.startswith("Random cross-validation neighbours were learned 90.5 %")
    assert f"macro F1 {both['random']['macro_f1']:.3f}; 105 pixels" in random
    assert blocked.startswith("Spatially blocked cross-validation on ground that was not learned")
    assert f"macro F1 {both['blocked']['macro_f1']:.3f}; 100 pixels" in blocked
    assert "0.5 points below the random one" in blocked
    assert "(31 squares of 12 pixels, 124 m)" in blocked
    assert "92.3 %" in design
    assert "95 % interval 89.3 % to 95.3 %; 195 points" in design
    assert "sam-geo" not in design


def test_without_blocks_no_accuracy_is_told(class_map, values):
    trained = training(NAMES.values())
    trained["accuracies"] = {"blocked": None, "random": trained["accuracies"]["random"]}
    trained["tried"] = []
    page = page_of(record_of_map(values, trained=trained), class_map)
    assert [words(each).split(" ")[0] for each in page.find("article")] == [
        "Spatially",
        "Design-based",
    ]
    assert "No two classes have samples in two places" in page.section("accuracy")
    assert "90.5 %" not in page.text
    assert page.find("section", id="confusion") == page.find("section", id="features") == []
    assert "no sample was compared with the others" in page.section("labels")


def test_each_sample_may_be_a_block(class_map, values):
    trained = training(NAMES.values())
    trained["blocks"] = {"side_px": 0.0, "groups": 9}
    page = page_of(record_of_map(values, trained=trained), class_map)
    assert "Each sample was held back as a whole (9 samples)." in page.section("accuracy")


def test_the_commands_of_the_page_work(class_map, values, monkeypatch):
    class_map = class_map.rename(class_map.with_name("my map.tif"))
    page = page_of(record_of_map(values), class_map)
    commands = page.find("pre")[0]["text"].strip().splitlines()
    assert commands == [
        "sam-geo sample 'my map.tif' -o 'my map_check.gpkg'",
        "sam-geo assess 'my map.tif' 'my map_check.gpkg'",
    ]
    monkeypatch.chdir(class_map.parent)
    assert CliRunner().invoke(app, commands[0].removeprefix("sam-geo ")).exit_code == 0
    assert Path("my map_check.gpkg").is_file()


def test_the_error_matrix_has_truth_in_rows(class_map, values):
    page = page_of(record_of_map(values), class_map)
    cells = [each for each in page.find("td") if "matrix" not in each.get("class", "")]
    hits = [(words(each), style(each)["--s"]) for each in page.find("td", class_="hit")]
    misses = [(words(each), style(each)["--s"]) for each in page.find("td", class_="miss")]
    assert hits == [("18", "0.90"), ("37", "0.90"), ("35", "0.90")]
    assert misses == [("2", "0.10"), ("1", "0.02"), ("3", "0.07"), ("4", "0.10")]
    assert cells
    text = page.section("confusion")
    assert "forest 1 37 3 41 90.2 %" in text
    assert "user's accuracy 94.7 % 86.0 % 92.1 % 90.0 %" in text
    assert "forest 42 42 90.2 % 86.0 % 0.881 town (3)" in text


def test_the_weakest_classes_are_told_in_words(class_map, values):
    text = page_of(record_of_map(values), class_map).section("confusion")
    assert (
        "forest is the weakest class (F1 0.881). Of its 41 pixels 4 were taken for another class: "
        "town (3), water (1). Of the 43 pixels that were called so 6 are something else: town (4), "
        "water (2)."
    ) in text
    assert "water follows (F1 0.923)" in text
    assert "Of the 19 pixels that were called so 1 is something else: forest (1)." in text


def test_when_all_is_right_nothing_is_weak(class_map, values):
    trained = training(NAMES.values(), np.diag([9, 8, 0]))
    text = page_of(record_of_map(values, trained=trained), class_map).section("confusion")
    assert "No pixel that was tested was taken for another class." in text
    assert "Not tested, because their samples lie in one place only: town." in text
    assert f"town 1 1 {DASH} {DASH} {DASH} not tested" in text


def test_the_sets_of_features_and_the_chosen_one(class_map, values):
    page = page_of(record_of_map(values), class_map)
    text = page.section("features")
    assert "values 2 81.1 % 0.802 values and surroundings 3 90.1 % 0.893 chosen" in text
    assert "Surroundings: mean and deviation" in text
    assert "Superpixels" not in text
    assert [words(row).split(" ")[-1] for row in page.find("tr", class_="is-chosen")] == ["chosen"]


def test_every_set_of_features_is_explained():
    names = " ".join(each.name for each in candidates(["red"], [], 16)).replace(",", "")
    assert set(names.split()) - {"and"} == set(SETS_OF_FEATURES)


def test_samples_to_look_at_have_their_places(class_map, values):
    trained = training(NAMES.values(), doubts=doubts(MOST_CHIPS + 3))
    page = page_of(record_of_map(values, trained=trained), class_map)
    text = page.section("labels")
    x, y = 465_000 + 10 * (2 * 5 + 0.5), 5_080_000 - 10 * (3 * 5 + 0.5)
    lon, lat = pyproj.Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True).transform(
        x, y
    )
    assert f"water town 92.5 % 50 15, 10 {x:.0f}, {y:.0f} {lon:.6f}° E, {lat:.6f}° N" in text
    assert "row, column of the map x, y in EPSG:32633 longitude, latitude" in text
    assert (
        f"25 {TIMES} 25 pixels of the map (250 m wide) around the sample, of the first {MOST_CHIPS}"
        in text
    )
    chips = [each for each in page.find("img") if each["width"] == "100"]
    assert len(chips) == MOST_CHIPS
    middle = [picture(each["src"])[12, 12, :3].tolist() for each in chips]
    assert middle == [COLOURS[str(values[3 * n, 2 * n])] for n in range(MOST_CHIPS)]
    rows = [row for row in page.find("tr") if words(row).startswith("water town")]
    assert len(rows) == MOST_CHIPS + 3


def test_failures_and_notes_stand_over_the_map(class_map, values):
    failures = [f"block at row {512 * n}, column 0: the disk <{n}> failed" for n in range(TOLD + 4)]
    page = page_of(record_of_map(values, failures=failures, notes=["much & more"]), class_map)
    (head,) = page.find("header")
    assert f"{TOLD + 4} failures: the map is not complete" in words(head)
    assert all(failure in words(head) for failure in failures)
    assert "4 more" in words(head)
    assert "much & more" in words(head)
    (one,) = page_of(record_of_map(values, failures=failures[:1]), class_map).find("header")
    assert "1 failure: the map is not complete" in words(one)
    assert " more" not in words(one)
    (none,) = page_of(record_of_map(values), class_map).find("header")
    assert "failure" not in words(none)
    assert "Know this" not in words(none)


def test_what_independent_points_say(class_map, values):
    record = record_of_map(values)
    record["checked"] = checked(record["areas"])
    page = page_of(record, class_map)
    text = page.section("areas")
    assert "forest 64.3 60.0 % 58.2 (57.6 to 58.8) 6,426 2" in text
    assert f"snow 0 0 % 0.400 ({MINUS}0.188 to 0.988) 0 {DASH}" in text
    assert "the map does not have these true classes: snow" in words(page.find("header")[0])
    ranges = [style(each) for each in page.find("i", class_="range")]
    assert len(ranges) == 4
    assert ranges[3]["left"] == "0.000%"
    assert float(ranges[1]["left"][:-1]) == pytest.approx(100 * 57.6 / 64.26, abs=0.2)
    told = page.section("accuracy")
    assert "water 87.6 % (interval unknown) 91.2 % (85.0 % to 97.5 %)" in told
    assert f"snow {DASH} 61.2 %" in told
    assert "forest 0 90 46.2 % 5 2.6 % 0" in told


def test_an_estimate_that_is_unknown(class_map, values):
    record = record_of_map(values)
    record["checked"] = checked(record["areas"])
    record["checked"]["overall"] = figure(0.9, None)
    record["checked"]["classes"][0]["area_m2"] = figure(None, None)
    page = page_of(record, class_map)
    assert "overall accuracy, interval unknown; 195 points" in page.section("accuracy")
    assert f"water 10.7 10.0 % {DASH} 1,071 1" in page.section("areas")
    assert len(page.find("i", class_="range")) == 3


def test_an_applied_model_is_told_as_such(class_map, values):
    trained = training(NAMES.values(), doubts=doubts(2))
    page = page_of(applied(record_of_map(values), trained), class_map)
    (head,) = page.find("header")
    assert "the model my model.skops trained by another job" in words(head)
    assert "Nothing on this page says how right this map is" in words(head)
    assert "samples of" not in words(head)
    random, blocked, _ = (words(each) for each in page.find("article"))
    assert "neighbours were learned, where the model was trained" in random
    assert "on ground that was not learned, where the model was trained" in blocked
    assert "m)" not in blocked  # pixels there may have another size
    assert "They lie on the raster that the model was trained on." in page.section("labels")
    assert "longitude" not in page.section("labels")
    assert len(page.find("img")) == 2


def test_a_model_that_tells_nothing_of_its_training(class_map, values):
    record = applied(record_of_map(values))
    record["checked"] = checked(record["areas"])
    page = page_of(record, class_map)
    assert "The model tells nothing of its training." in page.section("accuracy")
    assert "Only the independent points say how right this map is" in page.text
    assert [each["id"] for each in page.find("section") if "id" in each] == [
        "map", "areas", "accuracy", "making",
    ]  # fmt: skip


VARIANTS = {
    "usual": {},
    "nasty": {"names": NASTY, "trained": training(NASTY.values())},
    "checked": {"checked": True},
    "applied": {"applied": True},
    "failed": {"failures": ["block at row 0: <b>no</b>"], "notes": ["'\"<script src=x>\"'"]},
}


@pytest.fixture(params=VARIANTS)
def any_page(request, class_map, values):
    """The text of a page and its record, for each kind of record."""
    parts = dict(VARIANTS[request.param])
    kinds = {name: parts.pop(name, False) for name in ("checked", "applied")}
    record = record_of_map(values, **parts)
    if kinds["applied"]:
        record = applied(record, record["training"])
    if kinds["checked"]:
        record["checked"] = checked(record["areas"])
    return report_page(record, class_map), record


def test_nothing_comes_from_elsewhere(any_page):
    text, _ = any_page
    page = Page(text)
    assert set(page.fetched) <= {"https://doi.org/10.1016/j.rse.2014.02.015"}
    tags = {each["tag"] for each in page.elements}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form", "b"})
    assert not [name for each in page.elements for name in each if name.startswith("on")]
    (css,) = page.find("style")
    assert "url(" not in css["text"]
    assert "@import" not in css["text"]
    (policy,) = [each for each in page.find("meta") if "http-equiv" in each]
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_everything_of_the_record_is_somewhere(any_page):
    text, record = any_page
    page = Page(text)
    shown = page.text
    for part in ("inputs", "parameters", "windows", "windows_reused", "seconds", "versions"):
        missing = [
            each
            for each in scalars(record[part])
            if " ".join(each.split()) not in page.section("making")
        ]
        assert missing == []
    told = {name: record["training"][name] for name in ("samples", "features", "blocks")}
    assert [each for each in scalars(told) if " ".join(each.split()) not in shown] == []
    for name in record["classes"].values():
        assert " ".join(name.split()) in shown
    assert [note for note in record["notes"] + record["failures"] if note not in shown] == []
    assert record["training"]["pixels"] not in shown


def test_names_are_text_whatever_they_hold(class_map, values):
    record = record_of_map(values, names=NASTY, trained=training(NASTY.values()))
    page = page_of(record, class_map)
    names = [words(each) for each in page.find("bdi")]
    for name in NASTY.values():
        assert names.count(name) > 4


def test_a_name_of_other_bytes_than_utf_8(class_map, values, tmp_path):
    record = record_of_map(values, notes=["samples of caf\udce9.gpkg"])
    write_report(record, class_map, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_bytes().decode("utf-8")
    assert "caf&#56553;.gpkg" in text


def test_255_classes_are_readable(write_map):
    names = {str(n): f"class {n}" for n in range(1, 256)}
    colours = {str(n): [n, 255 - n, n // 2] for n in range(1, 256)}
    values = np.arange(1, 256).reshape(15, 17)
    counts = np.diag(np.arange(1, 256))
    counts[0, 254] = 3
    record = record_of_map(
        values, names=names, colours=colours, trained=training(names.values(), counts)
    )
    text = report_page(record, write_map(values))
    page = Page(text)
    assert len(text) < 3e6
    assert len(page.find("td", class_="hit")) == 255
    assert len(page.find("td", class_="zero")) == 255 * 254 - 1
    assert len(page.find("span", class_="up")) == 257
    assert words(page.find("ul", class_="long")[0]).endswith("class 254 class 255")
    assert "class 1 is the weakest class" in page.section("confusion")


def test_the_same_map_gives_the_same_page(class_map, values, tmp_path):
    pages = []
    for name in ("a.html", "b.html"):
        write_report(record_of_map(values), class_map, tmp_path / name)
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]


def test_a_map_that_cannot_be_read_leaves_an_old_page(values, tmp_path):
    old = tmp_path / "report.html"
    old.write_text("old")
    with pytest.raises(InputError, match=r"no such file: .*gone\.tif"):
        write_report(record_of_map(values), tmp_path / "gone.tif", old)
    assert old.read_text() == "old"


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A folder with the report of a job, and that of its model applied to another raster."""
    folder = tmp_path_factory.mktemp("job")
    scene = cover_scene(folder, nodata=np.s_[40:60, :90])
    learn = SampleChoice(samples=scene.samples, class_field="cover", classifier="discriminant")
    shared = {"rasters": (str(scene.raster),)}
    run_landcover(
        LandcoverRequest(
            **shared,
            output=folder / "map.tif",
            learn=learn,
            report=folder / "map.html",
            save=folder / "model.skops",
        )
    )
    run_landcover(
        LandcoverRequest(
            **shared,
            output=folder / "other.tif",
            apply=folder / "model.skops",
            report=folder / "other.html",
        )
    )
    return folder


def test_the_report_of_a_job(job):
    record = json.loads((job / "map.job.json").read_text())
    page = Page((job / "map.html").read_text(encoding="utf-8"))
    blocked = record["training"]["accuracies"]["blocked"]
    text = page.section("accuracy").replace("100 %", "100.0 %")
    assert f"{100 * blocked['overall']:.1f} %" in text
    assert page.section("areas").endswith(f"100 % {record['pixels']:,}")
    assert len([row for row in page.find("tr") if "water" in words(row)]) >= 3
    assert "45 samples of samples.gpkg" in words(page.find("header")[0])
    with rasterio.open(job / "map.tif") as dataset:
        values, colours = dataset.read(1), dataset.colormap(1)
    shown = picture(page.find("img")[0]["src"])
    step = shown.shape[0] // values.shape[0]
    expected = np.array([colours[n] for n in range(4)])[values]
    np.testing.assert_array_equal(shown[::step, ::step], expected)


def test_the_report_of_a_job_that_applies_a_model(job):
    page = Page((job / "other.html").read_text(encoding="utf-8"))
    assert "the model model.skops trained by another job" in words(page.find("header")[0])
    assert "where the model was trained" in page.section("accuracy")


def test_accuracies_are_made_as_a_job_makes_them():
    truth, found = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])
    job = Outcome(truth, found, ("a", "b", "c")).as_record()
    made = accuracy(job["classes"], job["counts"])
    assert made.pop("macro_f1") == pytest.approx(job.pop("macro_f1"))
    assert made == job
