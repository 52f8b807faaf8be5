"""Class maps in Processing: a sample and an assessment, against the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, osr
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsFeatureRequest,
    QgsGeometry,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProcessingParameterMultipleLayers,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
    QgsWkbTypes,
)

NAMES = {"1": "fields", "2": "forest", "3": "town"}


class Log(QgsProcessingFeedback):
    """Keeps what is shown."""

    def __init__(self):
        super().__init__()
        self.infos, self.warnings, self.steps, self.texts = [], [], [], []
        self.progressChanged.connect(self.steps.append)

    def pushInfo(self, text):
        self.infos.append(text)

    def pushWarning(self, text):
        self.warnings.append(text)

    def setProgressText(self, text):
        self.texts.append(text)


def write_map(path, values, *, crs=32633, dtype=gdal.GDT_Byte):
    values = np.asarray(values)
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), *values.shape[::-1], 1, dtype)
    dataset.SetGeoTransform((465_000, 10, 0, 5_080_000, 0, -10))
    if crs:
        system = osr.SpatialReference()
        system.ImportFromEPSG(crs)
        dataset.SetProjection(system.ExportToWkt())
    band = dataset.GetRasterBand(1)
    band.WriteArray(values)
    band.SetNoDataValue(0)
    return path


@pytest.fixture(scope="module")
def class_map(tmp_path_factory):
    """200 x 300 pixels of 100 m2: a third fields, a third forest, a third town."""
    values = np.repeat([1, 2, 3], 100)[None, :] + np.zeros((200, 1), dtype=int)
    path = write_map(tmp_path_factory.mktemp("map") / "map.tif", values)
    record = {"parameters": {"table": path.name}, "classes": NAMES}
    path.with_suffix(".job.json").write_text(json.dumps(record))
    return path


def run(name, parameters, feedback=None):
    import processing

    return processing.run(f"sam_geomed:{name}", parameters, feedback=feedback or Log())


def drawn(class_map, **options):
    given = str(class_map) if isinstance(class_map, Path) else class_map
    parameters = {"INPUT": given, "SIZE": 90, "OUTPUT": "TEMPORARY_OUTPUT", **options}
    return run("sample", parameters)["OUTPUT"]


@pytest.fixture(scope="module")
def sample(loaded, class_map):
    """Thirty points in each class, not looked up."""
    return drawn(class_map)


@pytest.fixture
def add():
    """Add a layer to the project, where alone algorithms find it."""
    added = []

    def put(layer):
        QgsProject.instance().addMapLayer(layer, addToLegend=False)
        added.append(layer.id())
        return layer

    yield put
    QgsProject.instance().removeMapLayers(added)


def looked_up(sample, wrong=10):
    """A copy with the true class filled in: that of the map, but of some fields forest."""
    layer = sample.materialize(QgsFeatureRequest())
    index = layer.fields().lookupField("reference")
    changes = {}
    for feature in layer.getFeatures():
        true = feature["stratum"]
        if true == "fields" and wrong:
            true, wrong = "forest", wrong - 1
        changes[feature.id()] = {index: true}
    assert layer.dataProvider().changeAttributeValues(changes)
    return layer


def rows(layer):
    return [
        dict(zip(layer.fields().names(), f.attributes(), strict=True)) for f in layer.getFeatures()
    ]


# ---------------------------------------------------------------- sample


def test_a_sample_is_that_of_the_command_line(loaded, suite, class_map, tmp_path):
    out = tmp_path / "cli.gpkg"
    suite.run("-m", "sam_geo.cli", "sample", class_map, "-o", out, "--size", 90, "--seed", 7,
              "--allocation", "equal")  # fmt: skip
    log = Log()
    layer = run(
        "sample",
        {
            "INPUT": str(class_map),
            "SIZE": 90,
            "ALLOCATION": "equal",
            "SEED": 7,
            "OUTPUT": "TEMPORARY_OUTPUT",
        },
        log,
    )["OUTPUT"]
    assert layer.crs().authid() == "EPSG:32633"
    assert layer.wkbType() == QgsWkbTypes.Point
    expected = QgsVectorLayer(str(out), "cli", "ogr")
    assert [{"fid": n, **row} for n, row in enumerate(rows(layer), 1)] == rows(expected)
    places = [[f.geometry().asWkt(17) for f in each.getFeatures()] for each in (layer, expected)]
    assert places[0] == places[1]
    assert [row["reference"] for row in rows(layer)] == [""] * 90
    assert "fields: 30 points for 200.2 ha" in log.infos
    assert log.steps[-1] == 100
    assert log.texts[-1] == "reading the map: 1 of 1"


def test_options_have_the_defaults_of_the_command_line(loaded, suite, class_map, tmp_path):
    out = tmp_path / "cli.gpkg"
    suite.run("-m", "sam_geo.cli", "sample", class_map, "-o", out)
    layer = run("sample", {"INPUT": str(class_map), "OUTPUT": "TEMPORARY_OUTPUT"})["OUTPUT"]
    expected = rows(QgsVectorLayer(str(out), "cli", "ogr"))
    assert [row["weight_m2"] for row in rows(layer)] == [row["weight_m2"] for row in expected]


def test_a_sample_that_is_loaded_has_a_form_of_its_classes(loaded, class_map, tmp_path):
    import processing
    from sam_geomed.algorithm_sample import Form

    parameters = {"INPUT": str(class_map), "SIZE": 60, "OUTPUT": str(tmp_path / "points.gpkg")}
    processing.runAndLoadResults("sam_geomed:sample", parameters, feedback=Log())
    (layer,) = QgsProject.instance().mapLayers().values()
    assert layer.featureCount() == 60
    reference = layer.editorWidgetSetup(layer.fields().lookupField("reference"))
    assert reference.type() == "ValueMap"
    choices = reference.config()["map"]
    assert [next(iter(choice)) for choice in choices] == ["", "fields", "forest", "town"]
    assert layer.editorWidgetSetup(layer.fields().lookupField("stratum")).type() == "Hidden"
    assert Form.kept == []
    QgsProject.instance().removeAllMapLayers()


def test_a_layer_and_a_name_of_gdal_are_maps_too(loaded, class_map, tmp_path):
    layer = QgsRasterLayer(str(class_map), "map")
    assert drawn(layer).featureCount() == 90
    with_option = QgsRasterLayer(f"{class_map}|option:NUM_THREADS=1", "map")
    assert "|" in with_option.source()
    assert drawn(with_option).featureCount() == 90
    vrt = tmp_path / "map.vrt"
    gdal.Translate(str(vrt), str(class_map), format="VRT")
    assert {row["stratum"] for row in rows(drawn(vrt))} == {"1", "2", "3"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"SIZE": 4}, r"--size 4 is too few for 3 classes: each needs 2 points"),
        ({"ALLOCATION": "neyman"}, r"--allocation neyman needs the probabilities of the map's"),
        ({"SIZE": 1}, r"Incorrect parameter value for SIZE"),
        ({"ALLOCATION": "some"}, r"Incorrect parameter value for ALLOCATION"),
        ({"SEED": -1}, r"Incorrect parameter value for SEED"),
        ({"INPUT": "/nowhere.tif"}, r"Could not load source layer for INPUT"),
    ],
)
def test_options_that_cannot_be(loaded, class_map, options, reason):
    with pytest.raises(QgsProcessingException, match=reason):
        drawn(class_map, **options)


def test_an_image_is_no_class_map(loaded, trees_tif):
    with pytest.raises(
        QgsProcessingException, match=r"OSBS_029.tif is no class map: it has 3 band"
    ):
        drawn(trees_tif)


def test_values_that_are_no_whole_numbers(loaded, tmp_path):
    path = write_map(tmp_path / "float.tif", np.full((9, 9), 1.5), dtype=gdal.GDT_Float32)
    with pytest.raises(QgsProcessingException, match=r"float.tif is no class map"):
        drawn(path)


def test_a_map_without_a_place(loaded, tmp_path):
    path = write_map(tmp_path / "flat.tif", np.ones((9, 9), dtype=int), crs=None)
    layer = QgsRasterLayer(str(path), "flat")
    layer.setCrs(QgsCoordinateReferenceSystem())
    with pytest.raises(QgsProcessingException, match=r"flat has no reference system, so that"):
        drawn(layer)


def test_a_service_is_no_map(loaded):
    address = "type=xyz&url=http://127.0.0.1:9/{z}/{x}/{y}.png"
    layer = QgsRasterLayer(address, "tiles", "wms")
    with pytest.raises(QgsProcessingException, match=r"tiles is no raster file: save it as a Geo"):
        drawn(layer)


def test_several_rasters_are_names_in_their_order(loaded, class_map, tmp_path):
    """What an algorithm needs whose input are rasters of many dates."""
    from sam_geomed.program_algorithm import ProgramAlgorithm

    class Stack(ProgramAlgorithm):
        RASTERS = ("INPUTS",)

        def initAlgorithm(self, _configuration=None):
            self.addParameter(
                QgsProcessingParameterMultipleLayers("INPUTS", "", QgsProcessing.TypeRaster)
            )

    other = write_map(tmp_path / "other.tif", np.ones((5, 5), dtype=int))
    stack, context = Stack(), QgsProcessingContext()
    stack.initAlgorithm()
    given = {"INPUTS": [str(other), str(class_map)]}
    assert stack.checkParameterValues(given, context) == (True, "")
    assert stack.prepareAlgorithm(given, context, Log())
    assert stack.rasters("INPUTS") == [str(other), str(class_map)]
    is_usable, reason = stack.checkParameterValues({"INPUTS": ["/nowhere.tif"]}, context)
    assert not is_usable
    assert reason


# ---------------------------------------------------------------- assess


def assessed(class_map, points, log=None, **options):
    parameters = {
        "INPUT": str(class_map),
        "POINTS": points,
        "OUTPUT": "TEMPORARY_OUTPUT",
        **options,
    }
    return run("assess", parameters, log)


def saved(layer, path):
    import processing

    processing.run("native:savefeatures", {"INPUT": layer, "OUTPUT": str(path)})
    return path


def by_command_line(suite, class_map, points, *options):
    return json.loads(
        suite.run("-m", "sam_geo.cli", "assess", class_map, points, "--json", *options)
    )


def test_an_assessment_has_the_figures_of_the_command_line(
    loaded, suite, class_map, sample, tmp_path
):
    points = looked_up(sample)
    expected = by_command_line(suite, class_map, saved(points, tmp_path / "points.gpkg"))
    log = Log()
    result = assessed(class_map, points, log, UNIT="m2", MATRIX="TEMPORARY_OUTPUT")
    table = rows(result["OUTPUT"])
    assert [row["class"] for row in table] == ["fields", "forest", "town"]
    for row, one in zip(table, expected["classes"], strict=True):
        assert row["mapped"] == one["mapped_m2"]
        assert row["unit"] == "m2"
        for column, key in (("users", "users"), ("producers", "producers"), ("area", "area_m2")):
            ends = [row[column], row[f"{column}_low"], row[f"{column}_high"]]
            assert ends == [one[key][end] for end in ("value", "low", "high")]
    assert not result["OUTPUT"].isSpatial()
    overall = expected["overall"]
    assert result["OVERALL"] == overall["value"]
    assert [result["OVERALL_LOW"], result["OVERALL_HIGH"]] == [overall["low"], overall["high"]]
    assert result["COUNT"] == 90
    matrix = rows(result["MATRIX"])
    assert len(matrix) == 9
    wrong = next(r for r in matrix if (r["map_class"], r["true_class"]) == ("fields", "forest"))
    assert wrong["points"] == 10
    assert wrong["share"] == expected["proportions"][0][1]
    assert log.warnings == []
    assert log.steps[-1] == 100


def test_the_log_is_a_text_to_read(loaded, class_map, sample):
    log = Log()
    result = assessed(class_map, looked_up(sample), log)
    fields = rows(result["OUTPUT"])[0]
    assert (round(fields["mapped"], 3), fields["unit"]) == (200.154, "ha")
    # it was not asked for
    assert "MATRIX" not in result
    first = log.infos.index(next(x for x in log.infos if x.startswith("Overall accuracy")))
    text = log.infos[first : first + 10]
    assert text[0] == "Overall accuracy 0.889 ± 0.057 (90 points, 95 % intervals)"
    assert text[1].split("  ")[0] == "class"
    assert text[1].endswith("mapped, ha  area, ha")
    assert text[2].startswith("fields  0.667 ± 0.172    1.000 ± 0.000")
    assert "200.154     133.436 ± 34.3406" in text[2]
    assert text[4].endswith("200.155     200.155 ± 0")
    assert text[5] == "Points: map in rows, truth in columns"
    assert text[6:10] == [
        "        fields  forest  town",
        "fields  20      10      0",
        "forest  0       30      0",
        "town    0       0       30",
    ]


def test_edits_that_are_not_saved_count(loaded, class_map, sample):
    points = looked_up(sample, wrong=0)
    assert assessed(class_map, points)["OVERALL"] == 1
    first = next(f for f in points.getFeatures() if f["stratum"] == "town")
    assert points.startEditing()
    points.changeAttributeValue(first.id(), points.fields().lookupField("reference"), "forest")
    assert assessed(class_map, points)["OVERALL"] < 1
    assert points.rollBack()


def test_selected_points_alone(loaded, class_map, sample, add):
    points = add(looked_up(sample, wrong=0))
    # every class must keep some
    points.selectByExpression('"point_id" <= 60')
    chosen = QgsProcessingFeatureSourceDefinition(points.id(), selectedFeaturesOnly=True)
    assert assessed(class_map, chosen)["COUNT"] == 60


def test_points_in_another_system_and_with_other_columns(loaded, class_map, sample):
    import processing

    points = looked_up(sample)
    here = assessed(class_map, points)
    moved = processing.run(
        "native:reprojectlayer",
        {"INPUT": points, "TARGET_CRS": "EPSG:4326", "OUTPUT": "TEMPORARY_OUTPUT"},
    )["OUTPUT"]
    named = processing.run(
        "native:refactorfields",
        {
            "INPUT": moved,
            "FIELDS_MAPPING": [
                {"expression": expression, "name": name, "type": kind, "length": 0, "precision": 0}
                for expression, name, kind in (
                    ('"reference"', "fid", 10),
                    ('"stratum"', "Stratum", 10),
                    ('2 * "weight_m2"', "WEIGHT_M2", 6),
                    ("array(1, 2)", "list", 9),
                )
            ],
            "OUTPUT": "TEMPORARY_OUTPUT",
        },
    )["OUTPUT"]
    log = Log()
    there = assessed(class_map, named, log, CLASS_FIELD="fid")
    assert log.warnings[0].startswith("the points were drawn from a map of 1.20093e+07 m2")
    assert there["COUNT"] == 90
    assert there["OVERALL"] == pytest.approx(here["OVERALL"])


def points_of(class_map, places, *, crs="EPSG:32633"):
    layer = QgsVectorLayer(f"Point?crs={crs}&field=reference:string", "points", "memory")
    if not crs:
        layer.setCrs(QgsCoordinateReferenceSystem())
    features = []
    for (x, y), true in places:
        feature = QgsFeature(layer.fields())
        feature.setAttributes([true])
        feature.setGeometry(QgsGeometry.fromWkt(f"Point({x} {y})"))
        features.append(feature)
    assert layer.dataProvider().addFeatures(features)[0]
    return layer


WITHIN = [
    ((465_005 + 10 * column, 5_079_995), name)
    for column, name in (
        (3, "fields"),
        (60, "fields"),
        (110, "forest"),
        (190, "forest"),
        (210, "town"),
    )
]
"""Points with their true class, one of them in the town."""


def test_points_that_do_not_count_are_told(loaded, class_map):
    log = Log()
    places = [*WITHIN, ((467_505, 5_079_005), NULL), ((0, 0), "town")]
    result = assessed(class_map, points_of(class_map, places), log)
    assert result["COUNT"] == 5
    assert (
        log.warnings[0] == "points that do not count: 1 outside of the map, 1 without a true class"
    )


def test_what_is_unknown_is_null(loaded, class_map):
    """One point in a class has no interval."""
    log = Log()
    table = rows(assessed(class_map, points_of(class_map, WITHIN), log)["OUTPUT"])
    town = table[2]
    assert town["users"] == 1
    assert town["users_low"] == NULL
    assert any("1.000 ± ?" in line for line in log.infos)


def test_a_class_that_the_map_does_not_have(loaded, class_map):
    log = Log()
    places = [*WITHIN, ((467_505, 5_079_005), "road")]
    table = rows(assessed(class_map, points_of(class_map, places), log)["OUTPUT"])
    assert [row["class"] for row in table] == ["fields", "forest", "town", "road"]
    assert table[3]["mapped"] == 0
    assert log.warnings == ["the map does not have these true classes: road"]


@pytest.mark.parametrize(
    ("places", "options", "reason"),
    [
        (WITHIN[:4], {}, r"no point lies in 'town', which is 33.3 % of the map"),
        (WITHIN, {"CLASS_FIELD": "other"}, r"points has no column other: it has reference\."),
        (
            [(at, NULL) for at, _ in WITHIN],
            {},
            r"no point of .*points.gpkg tells anything of .*map.tif: 5 unlabel",
        ),
        ([(at, "sea") for at, _ in WITHIN], {}, r"have no class in common: the points have sea"),
        (WITHIN, {"UNIT": "acres"}, r"Incorrect parameter value for UNIT"),
        (WITHIN, {"POINTS": "/nowhere.gpkg"}, r"Could not load source layer for POINTS"),
    ],
)
def test_points_that_cannot_be(loaded, class_map, places, options, reason):
    with pytest.raises(QgsProcessingException, match=reason):
        assessed(class_map, points_of(class_map, places), **options)


def test_points_without_a_reference_system(loaded, class_map):
    with pytest.raises(QgsProcessingException, match=r"points has no reference system: set it in"):
        assessed(class_map, points_of(class_map, WITHIN, crs=""))


def test_polygons_are_no_points(loaded, class_map):
    layer = QgsVectorLayer("Polygon?crs=EPSG:32633&field=reference:string", "areas", "memory")
    feature = QgsFeature(layer.fields())
    feature.setAttributes(["town"])
    feature.setGeometry(
        QgsGeometry.fromWkt(
            "Polygon((465000 5080000,465100 5080000,465100 5079900,465000 5080000))"
        )
    )
    layer.dataProvider().addFeatures([feature])
    with pytest.raises(QgsProcessingException, match=r"POINTS|is a Polygon"):
        assessed(class_map, layer)


# ---------------------------------------------------------------- without a window


def test_qgis_process_samples_and_assesses(process, class_map, tmp_path):
    points, table = tmp_path / "points.gpkg", tmp_path / "table.csv"
    process("run", "sam_geomed:sample", "--", f"INPUT={class_map}", "SIZE=60", f"OUTPUT={points}")
    said = json.loads(
        process(
            "--json", "run", "sam_geomed:assess", "--", f"INPUT={class_map}", f"POINTS={points}",
            "CLASS_FIELD=stratum", f"OUTPUT={table}",
        )
    )  # fmt: skip
    assert said["results"]["OVERALL"] == 1
    assert said["results"]["COUNT"] == 60
    lines = table.read_text().splitlines()
    assert lines[0].startswith("class,users,users_low,users_high,producers")
    assert [line.split(",")[0] for line in lines[1:]] == ["fields", "forest", "town"]
