"""Processing: the algorithms in QGIS, in qgis_process, in models; against the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterRasterLayer,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

READ = """
import json, sys, geopandas
table = geopandas.read_file(sys.argv[1])
print(json.dumps([
    {"wkb": None if shape is None else shape.wkb_hex, "status": status, "class": name, "id": n}
    for shape, status, name, n in zip(
        table.geometry, table["status"] if "status" in table else table["id"],
        table["class"], table["prompt_id"] if "prompt_id" in table else table["id"])
]))
"""


@pytest.fixture(scope="module")
def truth(data):
    return json.loads((data / "geo" / "neon_osbs_trees" / "neon_osbs_trees.json").read_text())


@pytest.fixture
def boxes(truth):
    """Eight boxes of crowns and one far away, as a layer in the raster's system."""
    layer = QgsVectorLayer(
        "Polygon?crs=EPSG:32617&field=prompt_id:integer&field=kind:string", "boxes", "memory"
    )
    rows = [(p["id"], p["label"], QgsRectangle(*p["box_crs"])) for p in truth["prompts"][:8]]
    rows.append((99, "Tree", QgsRectangle(405000, 3280000, 405010, 3280010)))
    features = []
    for number, kind, box in rows:
        feature = QgsFeature(layer.fields())
        feature.setAttributes([number, kind])
        feature.setGeometry(QgsGeometry.fromRect(box))
        features.append(feature)
    assert layer.dataProvider().addFeatures(features)[0]
    return layer


def saved(layer, path):
    options = QgsVectorFileWriter.SaveVectorOptions()
    QgsVectorFileWriter.writeAsVectorFormatV3(
        layer, str(path), QgsProcessingContext().transformContext(), options
    )
    return path


def run(algorithm, parameters, feedback=None):
    import processing

    return processing.run(algorithm, parameters, feedback=feedback)


def by_id(layer, path, rasterised):
    return {
        f["prompt_id"]: (
            f["status"],
            rasterised(f.geometry().asWkb(), path) if f.hasGeometry() else None,
        )
        for f in layer.getFeatures()
    }


def test_prompts_give_what_the_command_line_gives(
    loaded, suite, boxes, trees_tif, tmp_path, rasterised
):
    path = saved(boxes, tmp_path / "boxes.gpkg")
    out = tmp_path / "cli.gpkg"
    suite.run("-m", "sam_geo.cli", "prompt", trees_tif, path, "-o", out)
    expected = json.loads(suite.run("-c", READ, out))
    result = run(
        "sam_geomed:prompts",
        {
            "INPUT": str(trees_tif),
            "PROMPTS": boxes,
            "CLASS_FIELD": "kind",
            "OUTPUT": "TEMPORARY_OUTPUT",
        },
    )["OUTPUT"]
    assert result.crs().authid() == "EPSG:32617"
    assert result.featureCount() == 9
    assert {f["class"] for f in result.getFeatures()} == {"Tree"}
    found = by_id(result, trees_tif, rasterised)
    for row in expected:
        status, mask = found[row["id"]]
        assert status == row["status"]
        if row["wkb"] is None:
            assert mask is None
        else:
            assert np.array_equal(mask, rasterised(bytes.fromhex(row["wkb"]), trees_tif))
    assert found[99][0] == "outside"


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326"])
def test_prompts_in_another_system_hit_the_same_objects(
    loaded, boxes, trees_tif, rasterised, iou, crs
):
    import processing

    moved = processing.run(
        "native:reprojectlayer",
        {"INPUT": boxes, "TARGET_CRS": crs, "OUTPUT": "TEMPORARY_OUTPUT"},
    )["OUTPUT"]
    common = {"INPUT": str(trees_tif), "OUTPUT": "TEMPORARY_OUTPUT"}
    here = by_id(
        run("sam_geomed:prompts", {**common, "PROMPTS": boxes})["OUTPUT"], trees_tif, rasterised
    )
    there = by_id(
        run("sam_geomed:prompts", {**common, "PROMPTS": moved})["OUTPUT"], trees_tif, rasterised
    )
    overlaps = [iou(here[n][1], there[n][1]) for n in range(8)]
    assert np.median(overlaps) > 0.95
    assert min(overlaps) > 0.6


def test_points_of_one_object_go_together(loaded, trees_tif, rasterised):
    layer = QgsVectorLayer(
        "Point?crs=EPSG:32617&field=object_id:string&field=label:integer", "points", "memory"
    )
    features = []
    for name, label, (x, y) in [
        ("a", 1, (404233.4, 3285135.0)),
        ("a", 0, (404227.0, 3285128.0)),
        ("b", 1, (404239.1, 3285131.0)),
    ]:
        feature = QgsFeature(layer.fields())
        feature.setAttributes([name, label])
        feature.setGeometry(QgsGeometry.fromWkt(f"Point({x} {y})"))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    result = run(
        "sam_geomed:prompts",
        {"INPUT": str(trees_tif), "PROMPTS": layer, "OUTPUT": "TEMPORARY_OUTPUT"},
    )["OUTPUT"]
    assert [f["prompt_id"] for f in result.getFeatures()] == ["a", "b"]


def test_a_photo_without_a_place_takes_prompts_as_it_is_drawn(loaded, data):
    path = data / "geo" / "awkward" / "no_georef.jpg"
    layer = QgsVectorLayer("Point", "points", "memory")
    layer.setCrs(QgsCoordinateReferenceSystem())
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromWkt("Point(500.5 -300.5)"))
    layer.dataProvider().addFeatures([feature])
    result = run(
        "sam_geomed:prompts",
        {"INPUT": str(path), "PROMPTS": layer, "OUTPUT": "TEMPORARY_OUTPUT"},
    )["OUTPUT"]
    (row,) = result.getFeatures()
    assert row["status"] == "ok"
    assert row.geometry().contains(feature.geometry())


def test_automatic_gives_what_the_command_line_gives(
    loaded, suite, trees_tif, tmp_path, rasterised
):
    out = tmp_path / "cli.gpkg"
    suite.run(
        "-m",
        "sam_geo.cli",
        "auto",
        trees_tif,
        "-o",
        out,
        "--points-per-side",
        8,
        "--pred-iou-thresh",
        0.7,
        "--stability-score-thresh",
        0.8,
    )
    expected = {
        rasterised(bytes.fromhex(row["wkb"]), trees_tif).tobytes()
        for row in json.loads(suite.run("-c", READ, out))
    }

    class Feedback(QgsProcessingFeedback):
        def __init__(self):
            super().__init__()
            self.steps = []
            self.progressChanged.connect(self.steps.append)

    feedback = Feedback()
    options = {"POINTS_PER_SIDE": 8, "QUALITY": 0.7, "STABILITY": 0.8}
    result = run(
        "sam_geomed:automatic",
        {"INPUT": str(trees_tif), **options, "OUTPUT": "TEMPORARY_OUTPUT"},
        feedback,
    )["OUTPUT"]
    found = {rasterised(f.geometry().asWkb(), trees_tif).tobytes() for f in result.getFeatures()}
    assert len(found) > 3
    assert found == expected
    assert max(feedback.steps) == 100


def test_words_go_to_the_server_as_they_are_given(loaded, trees_tif, monkeypatch):
    from sam_geomed.suite_client import RasterSession

    asked = []

    def words_job(session, text, **options):
        # the server of these tests has no detector
        asked.append((text, options))
        return session.automatic(points_per_side=4)

    monkeypatch.setattr(RasterSession, "words_job", words_job)
    words = {"INPUT": str(trees_tif), "TEXT": " solar panel; car ;", "OUTPUT": "TEMPORARY_OUTPUT"}
    result = run("sam_geomed:words", words)["OUTPUT"]
    assert result.featureCount() > 0
    run("sam_geomed:words", {**words, "DETECTOR": "sam3", "THRESHOLD": 0.4, "WINDOW": 400})
    assert asked == [
        (
            ["solar panel", "car"],
            {"detector": "grounding_dino_tiny", "threshold": None, "window": None},
        ),
        (["solar panel", "car"], {"detector": "sam3", "threshold": 0.4, "window": 400}),
    ]
    with pytest.raises(QgsProcessingException):
        run("sam_geomed:words", {**words, "TEXT": " ; "})


def test_a_cancelled_run_returns_at_once_and_ends_its_job_on_the_server(
    loaded, trees_tif, monkeypatch
):
    from sam_geomed.suite_client import RasterSession

    jobs = []
    start = RasterSession.automatic
    monkeypatch.setattr(
        RasterSession,
        "automatic",
        lambda session, **options: jobs.append(start(session, **options)) or jobs[-1],
    )

    class Feedback(QgsProcessingFeedback):
        def pushInfo(self, text):
            pass

        def setProgressText(self, text):
            if text.startswith("windows"):
                self.cancel()

    context, feedback = QgsProcessingContext(), Feedback()
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("sam_geomed:automatic")
    found, _ = algorithm.run(
        {"INPUT": str(trees_tif), "POINTS_PER_SIDE": 12, "OUTPUT": "TEMPORARY_OUTPUT"},
        context,
        feedback,
    )
    assert found == {}
    (job,) = jobs
    # it ends with the step that it was at
    assert job.wait()["state"] == "cancelled"


def test_a_layer_that_cannot_be_used_is_told(loaded, boxes):
    with pytest.raises(QgsProcessingException):
        run(
            "sam_geomed:prompts",
            {"INPUT": "/nowhere.tif", "PROMPTS": boxes, "OUTPUT": "TEMPORARY_OUTPUT"},
        )


def test_a_refusal_of_the_server_is_told_in_its_words(loaded, trees_tif, boxes):
    with pytest.raises(QgsProcessingException, match=r"stretch|min,max"):
        run(
            "sam_geomed:prompts",
            {
                "INPUT": str(trees_tif),
                "PROMPTS": boxes,
                "STRETCH": "bright",
                "OUTPUT": "TEMPORARY_OUTPUT",
            },
        )


def test_a_model_of_the_designer_passes_the_polygons_on(loaded, trees_tif, boxes):
    model = QgsProcessingModelAlgorithm("trees", "test")
    for parameter in (
        QgsProcessingParameterRasterLayer("image"),
        QgsProcessingParameterFeatureSource("prompts"),
    ):
        model.addModelParameter(parameter, QgsProcessingModelParameter(parameter.name()))
    source = QgsProcessingModelChildParameterSource
    one = QgsProcessingModelChildAlgorithm("sam_geomed:prompts")
    one.setChildId("outline")
    one.addParameterSources("INPUT", [source.fromModelParameter("image")])
    one.addParameterSources("PROMPTS", [source.fromModelParameter("prompts")])
    model.addChildAlgorithm(one)
    two = QgsProcessingModelChildAlgorithm("native:centroids")
    two.setChildId("middle")
    two.addParameterSources("INPUT", [source.fromChildOutput("outline", "OUTPUT")])
    output = QgsProcessingModelOutput("middles")
    output.setChildOutputName("OUTPUT")
    two.setModelOutputs({"middles": output})
    model.addChildAlgorithm(two)
    result = run(
        model,
        {
            "image": QgsRasterLayer(str(trees_tif), "trees"),
            "prompts": boxes,
            "middle:middles": "memory:",
        },
    )["middle:middles"]
    assert result.featureCount() == 9
    assert sum(f.hasGeometry() for f in result.getFeatures()) == 8


def test_every_algorithm_explains_itself_and_copies_itself(loaded):
    registry = QgsApplication.processingRegistry()
    names = {each.id() for each in registry.providerById("sam_geomed").algorithms()}
    known = ("prompts", "words", "automatic", "landcover", "sample", "assess", "change", "finetune")
    assert names == {f"sam_geomed:{name}" for name in known}
    for name in names:
        algorithm = registry.createAlgorithmById(name)
        assert len(algorithm.shortHelpString()) > 200
        copy = algorithm.create()
        assert [p.name() for p in copy.parameterDefinitions()] == [
            p.name() for p in algorithm.parameterDefinitions()
        ]
        assert algorithm.destinationParameterDefinitions()
