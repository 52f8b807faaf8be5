"""GeoJSON as it is written: ids of features, broken lines, texts that GDAL would cut."""

from __future__ import annotations

import json
import zipfile

import pytest

from sam_common.errors import PromptError
from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster

LARGE = 2**53 + 1
NOTHING = object()


def feature(number, *, fid=NOTHING, **properties):
    """A point of its own as a feature."""
    found = {"type": "Feature", "properties": properties}
    found["geometry"] = {"type": "Point", "coordinates": [15.0003 + number * 1e-6, 52.3501]}
    return found if fid is NOTHING else found | {"id": fid}


def collection(features):
    return json.dumps({"type": "FeatureCollection", "features": features})


def lines(features):
    return "\n".join(map(json.dumps, features)) + "\n"


def records(features):
    return "".join(f"\x1e{json.dumps(each, indent=1)}\n" for each in features)


WRITERS = {"p.geojson": collection, "p.geojsonl": lines, "p.geojsons": records}


@pytest.fixture
def ids_of(tmp_path, grey_raster):
    """Names of the prompts of a file with this text."""

    def read(text, name="p.geojson"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with open_raster(grey_raster) as source:
            return [prompt.prompt_id for prompt in load_prompts(path, source)]

    return read


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ([5, 7, 9], [5, 7, 9]),
        ([LARGE, LARGE - 1, 2**63 - 1], [LARGE, LARGE - 1, 2**63 - 1]),
        ([-5, -1, 3], [-5, -1, 3]),
        (["007", "8", "x"], ["007", "8", "x"]),
        ([0, "a", 2], ["0", "a", "2"]),
        ([7, "a", 9], ["7", "a", "9"]),
        ([5, 5, 3], [0, 1, 2]),
        ([5, NOTHING, 3], [0, 1, 2]),
        ([5, None, 3], [0, 1, 2]),
        ([NOTHING] * 3, [0, 1, 2]),
    ],
)
def test_ids_of_features_are_exact(ids_of, name, given, ids):
    text = WRITERS[name]([feature(n, fid=fid) for n, fid in enumerate(given)])
    found = ids_of(text, name)
    assert found == ids
    assert list(map(type, found)) == list(map(type, ids))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("key", ["id", "ID", "object_id", "prompt_id"])
def test_properties_come_before_ids_of_features(ids_of, name, key):
    properties = [{key: "x"}, {key: "y"}]
    features = [feature(n, fid=n + 5, **each) for n, each in enumerate(properties)]
    assert ids_of(WRITERS[name](features), name) == ["x", "y"]


def test_an_id_fills_a_property_that_is_not_there(ids_of):
    features = [feature(0, fid=5, id=1), feature(1, fid=7), feature(2, fid=9, id=None)]
    assert ids_of(collection(features)) == [1, 7, 9]


def test_ids_of_other_things_are_not_those_of_features(ids_of):
    features = [feature(n, more={"id": n + 40}, tags=[{"id": 3}]) for n in range(2)]
    assert ids_of(collection(features)) == [0, 1]


def test_a_lone_feature_and_a_lone_geometry(ids_of):
    assert ids_of(json.dumps(feature(0, fid=12))) == [12]
    assert ids_of(json.dumps(feature(0)["geometry"])) == [0]
    assert ids_of("\ufeff" + collection([feature(0, fid=12)])) == [12]


def test_what_is_no_feature_among_features_is_not_left_out(ids_of):
    with pytest.raises(PromptError, match="is damaged: it has 3 features, and 2 can be read"):
        ids_of(collection([feature(0, fid=4), None, feature(1, fid=5)]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (lines([feature(n) for n in range(3)])[:-40], r"line 3 of .*p\.geojsonl is no GeoJSON \("),
        (
            "\n\n" + lines([feature(0)]) + "\r\n{oops\r\n" + lines([feature(1)]),
            "line 5 of .* is no",
        ),
        (
            lines([feature(0)]) + lines([feature(1)] * 2).replace("\n", "") + "\n",
            "line 2 of .* \\(Extra data",
        ),
        (lines([feature(0), feature(1)]) + "null\n", r"line 3 of .* is no feature: null$"),
        (lines([feature(0), {"a": 1}]), r"line 2 of .* is no feature: \{"),
        (records([feature(n) for n in range(3)])[:-9], r"line \d+ of .* is no GeoJSON"),
    ],
)
def test_a_broken_line_is_not_left_out(ids_of, text, message):
    with pytest.raises(PromptError, match=f"^{message}"):
        ids_of(text, "p.geojsonl")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\n\n \n"])
def test_empty_lines_are_no_features(ids_of, ends):
    text = lines([feature(0), feature(1)]).replace("\n", ends)
    assert ids_of(text, "p.geojsonl") == [0, 1]
    assert ids_of(text.rstrip(), "p.geojsonl") == [0, 1]


@pytest.mark.parametrize("name", WRITERS)
def test_a_text_with_a_zero_byte_is_not_cut(ids_of, name):
    text = WRITERS[name]([feature(0, **{"class": "a"}), feature(1, **{"class": "b\0c"})])
    with pytest.raises(PromptError, match=r"^line \d+ of .* has a text with a zero byte"):
        ids_of(text, name)


def test_numbers_beyond_64_bits_are_not_changed(ids_of):
    text = lines([feature(0, prompt_id=2**63 + 5), feature(1, prompt_id=2)])
    with pytest.raises(PromptError, match=r"column prompt_id of .* more than 64 bits, which GDAL"):
        ids_of(text, "p.geojsonl")


def test_geojson_in_a_zip(tmp_path, ids_of, grey_raster):
    path = tmp_path / "p.zip"
    unknown = {"type": "name", "properties": {"name": "EPSG:999999"}}
    for crs, message in ((None, None), (unknown, r"no such reference system in .*p\.zip")):
        content = {"type": "FeatureCollection", "features": [feature(0, fid=LARGE)]}
        content = content if crs is None else {"type": "FeatureCollection", "crs": crs} | content
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/p.geojson", json.dumps(content))
        with open_raster(grey_raster) as source:
            if message is None:
                assert load_prompts(path, source)[0].prompt_id == LARGE
                continue
            with pytest.raises(PromptError, match=message):
                load_prompts(path, source)
