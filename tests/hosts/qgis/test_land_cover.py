"""Land cover and change in Processing, against the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from osgeo import gdal, osr
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

LEFT, TOP, SIDE = 465_000, 5_080_000, 10
COLOURS = {"field": (180, 160, 60), "forest": (30, 90, 40), "water": (20, 40, 120)}
QUICK = {"CLASSIFIER": "discriminant"}


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


def write_raster(path, bands):
    """Write (B, h, w) bytes with pixels of 10 m; a single band is a class map without class 0."""
    bands = np.asarray(bands, dtype=np.uint8)
    dataset = gdal.GetDriverByName("GTiff").Create(
        str(path), bands.shape[2], bands.shape[1], len(bands), gdal.GDT_Byte
    )
    dataset.SetGeoTransform((LEFT, SIDE, 0, TOP, 0, -SIDE))
    system = osr.SpatialReference()
    system.ImportFromEPSG(32633)
    dataset.SetProjection(system.ExportToWkt())
    for n, values in enumerate(bands, 1):
        dataset.GetRasterBand(n).WriteArray(values)
    if len(bands) == 1:
        dataset.GetRasterBand(1).SetNoDataValue(0)
    return path


def drawn(classes, seed):
    """A picture (3, h, w) of a map of classes (h, w), with noise."""
    colours = np.array(list(COLOURS.values()))[classes]
    noise = np.random.default_rng(seed).normal(0, 9, colours.shape)
    return np.moveaxis(np.clip(colours + noise, 0, 255), -1, 0)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two pictures of 90 x 120 pixels: fields, forest and water, of which a part became forest."""
    folder = tmp_path_factory.mktemp("images")
    classes = np.repeat([0, 1, 2], 40)[None] + np.zeros((90, 1), dtype=int)
    later = classes.copy()
    later[30:60, 10:30] = 1
    return [
        write_raster(folder / f"{name}.tif", drawn(each, seed))
        for seed, (name, each) in enumerate((("before", classes), ("after", later)))
    ]


@pytest.fixture
def samples():
    """Four squares of each class, and one that lies elsewhere."""
    layer = QgsVectorLayer("Polygon?crs=EPSG:32633&field=kind:string", "ground", "memory")
    places = [
        (name, 40 * n + 4 + 18 * (k % 2), 8 + 44 * (k // 2))
        for n, name in enumerate(COLOURS)
        for k in range(4)
    ]
    features = []
    for name, column, row in [*places, ("field", 4000, 0)]:
        x, y = LEFT + SIDE * column, TOP - SIDE * row
        feature = QgsFeature(layer.fields())
        feature.setAttributes([name])
        feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(x, y - 80, x + 80, y)))
        features.append(feature)
    assert layer.dataProvider().addFeatures(features)[0]
    return layer


@pytest.fixture
def maps(tmp_path):
    """Two class maps whose names lie beside them: 6 x 5 pixels of forest become water."""
    before = np.full((40, 60), 1)
    before[:, 40:] = 2
    after = before.copy()
    after[10:16, 20:25] = 2
    for name, values in (("one", before), ("two", after)):
        write_raster(tmp_path / f"{name}.tif", values[None])
        record = {"parameters": {"table": f"{name}.tif"}, "classes": {"1": "forest", "2": "water"}}
        (tmp_path / f"{name}.job.json").write_text(json.dumps(record))
    return tmp_path / "one.tif", tmp_path / "two.tif"


def run(name, parameters, feedback=None):
    import processing

    return processing.run(f"sam_geomed:{name}", parameters, feedback=feedback or Log())


def loaded_layers(name, parameters):
    """Run an algorithm as its dialog does, and take the layers that are loaded by their names."""
    import processing

    processing.runAndLoadResults(f"sam_geomed:{name}", parameters, feedback=Log())
    return {layer.name(): layer for layer in QgsProject.instance().mapLayers().values()}


@pytest.fixture
def project():
    yield QgsProject.instance()
    QgsProject.instance().removeAllMapLayers()


def saved(layer, path):
    options = QgsVectorFileWriter.SaveVectorOptions()
    QgsVectorFileWriter.writeAsVectorFormatV3(
        layer, str(path), QgsProcessingContext().transformContext(), options
    )
    return path


def pixels(path):
    return gdal.Open(str(path)).ReadAsArray()


def mapped(images, samples, folder, log=None, **options):
    parameters = {
        "INPUT": [str(images[0])],
        "SAMPLES": samples,
        "CLASS_FIELD": "kind",
        "OUTPUT": str(folder / "map.tif"),
        **QUICK,
        **options,
    }
    return run("landcover", {k: v for k, v in parameters.items() if v is not None}, log)


# ---------------------------------------------------------------- land cover


def test_a_map_is_that_of_the_command_line(loaded, suite, images, samples, tmp_path):
    log, out = Log(), tmp_path / "cli.tif"
    said = json.loads(
        suite.run(
            "-m", "sam_geo.cli", "landcover", images[0], saved(samples, tmp_path / "ground.gpkg"),
            "--class-field", "kind", "--classifier", "discriminant", "-o", out, "--json",
        )
    )  # fmt: skip
    result = mapped(images, samples, tmp_path, log)
    assert result["OUTPUT"] == str(tmp_path / "map.tif")
    assert np.array_equal(pixels(result["OUTPUT"]), pixels(out))
    blocked = said["training"]["accuracies"]["blocked"]
    assert (result["OVERALL"], result["MACRO_F1"]) == (blocked["overall"], blocked["macro_f1"])
    for row in said["areas"]:
        hectares = f"{row['area_m2'] / 1e4:,.1f}"
        assert f"{row['class']}: {hectares} ha ({row['pixels']} pixels)" in log.infos
    assert any(line.startswith("accuracy on ground that was not learned: ") for line in log.infos)
    assert "samples that do not count: 1 outside of the raster" in log.warnings
    assert any(text.startswith("classifying: ") for text in log.texts)
    assert log.steps[-1] == 100
    assert not (tmp_path / "map.tif.parts").exists()
    # what was not asked for
    assert not {"POLYGONS", "REPORT", "SAVE"} & set(result)


def test_a_map_and_its_polygons_are_loaded_in_the_colours_of_their_classes(
    loaded, images, samples, tmp_path, project
):
    from sam_geomed.post_processor import PostProcessor

    layers = loaded_layers(
        "landcover",
        {
            "INPUT": [str(images[0])],
            "SAMPLES": samples,
            "CLASS_FIELD": "kind",
            "OUTPUT": str(tmp_path / "cover.tif"),
            "POLYGONS": str(tmp_path / "cover.gpkg"),
            **QUICK,
        },
    )
    (raster,) = (each for each in layers.values() if isinstance(each, QgsRasterLayer))
    (polygons,) = (each for each in layers.values() if isinstance(each, QgsVectorLayer))
    assert raster.renderer().type() == "paletted"
    shown = {one.label: one.color.name() for one in raster.renderer().classes()}
    assert set(shown) == set(COLOURS)
    assert polygons.renderer().type() == "categorizedSymbol"
    assert {
        one.value(): one.symbol().color().name() for one in polygons.renderer().categories()
    } == (shown)
    assert {row["class"] for row in polygons.getFeatures()} == set(COLOURS)
    assert PostProcessor.kept == []


def test_a_saved_model_makes_the_same_map_without_samples(loaded, images, samples, tmp_path):
    model, page = tmp_path / "ground.skops", tmp_path / "cover.html"
    first = mapped(images, samples, tmp_path, SAVE=str(model), REPORT=str(page))
    assert first["SAVE"] == str(model)
    assert "field" in page.read_text()
    log = Log()
    again = mapped(
        images, None, tmp_path, log, MODEL=str(model), OUTPUT=str(tmp_path / "again.tif")
    )
    assert np.array_equal(pixels(again["OUTPUT"]), pixels(first["OUTPUT"]))
    assert "OVERALL" not in again
    assert "the model was trained on another image: nothing says yet how right this map is" in (
        log.infos
    )


def test_objects_indices_and_points_to_check_by_are_used(loaded, images, samples, tmp_path):
    points = run(
        "sample",
        {"INPUT": mapped(images, samples, tmp_path)["OUTPUT"], "OUTPUT": "TEMPORARY_OUTPUT"},
    )["OUTPUT"]
    log = Log()
    result = mapped(
        images,
        samples,
        tmp_path,
        log,
        OBJECTS=samples,
        BAND_NAMES="red,green,blue",
        INDEX="vari",
        CHECK=points,
        CHECK_FIELD="stratum",
        EMBEDDING=True,
    )
    record = json.loads((tmp_path / "map.job.json").read_text())
    assert record["parameters"]["bands"] == ["red", "green", "blue"]
    assert record["parameters"]["objects"].endswith("objects.gpkg")
    assert "VARI" in record["training"]["features"]
    assert "values, surroundings and embedding" in [t["name"] for t in record["training"]["tried"]]
    assert record["checked"]["overall"]["value"] > 0.9
    assert any(line.startswith("accuracy by independent points: ") for line in log.infos)
    assert result["OVERALL"] > 0.9


def test_selected_samples_alone(loaded, images, samples, tmp_path, project):
    project.addMapLayer(samples, addToLegend=False)
    samples.selectByExpression("\"kind\" <> 'water'")
    chosen = QgsProcessingFeatureSourceDefinition(samples.id(), selectedFeaturesOnly=True)
    mapped(images, chosen, tmp_path)
    record = json.loads((tmp_path / "map.job.json").read_text())
    assert set(record["classes"].values()) == {"field", "forest"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"SAMPLES": None}, r"Give samples to learn from, or a saved model: one of the two"),
        ({"MODEL": "m.skops"}, r"Give samples to learn from, or a saved model: one of the two"),
        ({"CLASS_FIELD": "other"}, r"ground has no column other: it has kind\."),
        ({"SAMPLES": None, "MODEL": "/nowhere.skops"}, r"/nowhere\.skops"),
        ({"INDEX": "ndvi"}, r"index NDVI needs nir, red, and the bands are b1, b2, b3"),
        ({"BAND_NAMES": "red,nir"}, r"--band-names has 2 names"),
        ({"OUTPUT": "map.img"}, r"img"),
        ({"INPUT": ["/nowhere.tif"]}, r"INPUT"),
        ({"CLASSIFIER": "guess"}, r"Incorrect parameter value for CLASSIFIER"),
        ({"SMALLEST": 65}, r"the smallest piece has 1 to 64 pixels, got 65"),
    ],
)
def test_a_map_that_cannot_be(loaded, images, samples, tmp_path, options, reason):
    with pytest.raises(QgsProcessingException, match=reason):
        mapped(images, samples, tmp_path, **options)
    assert not (tmp_path / "map.tif").exists()
    assert not (tmp_path / "map.tif.parts").exists()


def test_objects_are_given_or_found(loaded, images, samples, tmp_path):
    with pytest.raises(QgsProcessingException, match=r"Give objects, or have the network find th"):
        mapped(images, samples, tmp_path, OBJECTS=samples, FIND_OBJECTS=True)


def test_samples_of_one_class_are_too_few(loaded, images, samples, tmp_path):
    samples.setSubsetString("")
    ids = [each.id() for each in samples.getFeatures() if each["kind"] != "field"]
    assert samples.dataProvider().deleteFeatures(ids)
    with pytest.raises(QgsProcessingException, match=r"one class only, field"):
        mapped(images, samples, tmp_path)


class Cancels(QgsProcessingFeedback):
    """Cancels when a step begins."""

    def __init__(self, step):
        super().__init__()
        self._step, self.reached = step, False

    def pushInfo(self, text):
        pass

    def setProgressText(self, text):
        if text.startswith(self._step):
            self.reached = True
            self.cancel()


def test_a_cancelled_run_leaves_nothing(loaded, images, samples, tmp_path):
    feedback = Cancels("classifying")
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("sam_geomed:landcover")
    found, _ = algorithm.run(
        {
            "INPUT": [str(images[0])],
            "SAMPLES": samples,
            "CLASS_FIELD": "kind",
            "OUTPUT": str(tmp_path / "map.tif"),
            **QUICK,
        },
        QgsProcessingContext(),
        feedback,
    )
    assert feedback.reached
    assert found == {}
    assert list(tmp_path.iterdir()) == []


def test_parts_of_another_job_stay(loaded, images, samples, tmp_path):
    parts = tmp_path / "map.tif.parts"
    parts.mkdir()
    (parts / "plan.json").write_text("{}")
    with pytest.raises(QgsProcessingException, match=r"an unfinished job lies in"):
        mapped(images, samples, tmp_path)
    assert (parts / "plan.json").exists()


# ---------------------------------------------------------------- change


def changed(before, after, log=None, **options):
    parameters = {"BEFORE": str(before), "AFTER": str(after), **options}
    return run("change", parameters, log)


def test_a_change_is_that_of_the_command_line(loaded, suite, maps, tmp_path):
    log, out = Log(), tmp_path / "cli.gpkg"
    said = json.loads(
        suite.run("-m", "sam_geo.cli", "change", *maps, "-o", out, "--json", "--min-pixels", 2)
    )
    page = tmp_path / "change.html"
    result = changed(
        *maps, log, OUTPUT=str(tmp_path / "change.gpkg"), MIN_PIXELS=2, REPORT=str(page)
    )
    tables = [QgsVectorLayer(str(each), "t", "ogr") for each in (result["OUTPUT"], out)]
    rows = [[[*f.attributes(), f.geometry().asWkt(3)] for f in t.getFeatures()] for t in tables]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 1
    assert result["CHANGED_HA"] == said["changed_m2"] / 1e4
    assert result["MISREGISTRATION_SHARE"] == said["misreg_share"]
    assert result["COUNT"] == 1
    assert "forest" in page.read_text()
    (line,) = (line for line in log.infos if line.startswith("forest to water: "))
    assert " ha, " in line
    assert log.steps[-1] == 100


def test_polygons_of_change_are_loaded_with_their_style(loaded, maps, tmp_path, project):
    layers = loaded_layers(
        "change",
        {
            "BEFORE": str(maps[0]),
            "AFTER": str(maps[1]),
            "OUTPUT": str(tmp_path / "change.gpkg"),
        },
    )
    (layer,) = layers.values()
    assert layer.renderer().type() == "categorizedSymbol"
    assert [one.value() for one in layer.renderer().categories()] == ["forest → water"]


def test_two_images_and_a_model(loaded, images, samples, tmp_path):
    model = tmp_path / "ground.skops"
    mapped(images, samples, tmp_path, SAVE=str(model))
    log = Log()
    result = changed(
        *images, log, MODEL=str(model), MIN_PIXELS=20, OUTPUT=str(tmp_path / "change.gpkg")
    )
    rows = list(QgsVectorLayer(result["OUTPUT"], "t", "ogr").getFeatures())
    assert [(row["from"], row["to"]) for row in rows] == [("field", "forest")]
    assert rows[0]["pixels"] == pytest.approx(600, abs=40)
    assert np.array_equal(pixels(tmp_path / "change_before.tif"), pixels(tmp_path / "map.tif"))
    assert (tmp_path / "change_after.tif").exists()
    assert not list(tmp_path.glob("*.parts"))


def test_a_cancelled_comparison_of_images_leaves_no_parts(loaded, images, samples, tmp_path):
    model, folder = tmp_path / "ground.skops", tmp_path / "out"
    folder.mkdir()
    mapped(images, samples, tmp_path, SAVE=str(model))
    feedback = Cancels("classifying")
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("sam_geomed:change")
    found, _ = algorithm.run(
        {
            "BEFORE": str(images[0]),
            "AFTER": str(images[1]),
            "MODEL": str(model),
            "OUTPUT": str(folder / "change.gpkg"),
        },
        QgsProcessingContext(),
        feedback,
    )
    assert feedback.reached
    assert found == {}
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"AFTER": "image"}, r"before.tif is no class map: it has 3 bands"),
        ({"MODEL": "/nowhere.skops"}, r"/nowhere\.skops"),
        ({"BAND_NAMES": "red,green"}, r"--band-names is about --apply"),
        ({"MISREGISTRATION": 6}, r"Incorrect parameter value for MISREGISTRATION"),
        ({"MIN_PIXELS": 0}, r"Incorrect parameter value for MIN_PIXELS"),
        ({"AFTER": "/nowhere.tif"}, r"Could not load source layer for AFTER"),
    ],
)
def test_a_change_that_cannot_be(loaded, maps, images, tmp_path, options, reason):
    given = {**options}
    after = given.pop("AFTER", maps[1])
    with pytest.raises(QgsProcessingException, match=reason):
        changed(
            maps[0],
            images[0] if after == "image" else after,
            OUTPUT=str(tmp_path / "change.gpkg"),
            **given,
        )
    assert not (tmp_path / "change.gpkg").exists()


# ---------------------------------------------------------------- without a window


def test_qgis_process_maps_and_compares(process, images, samples, tmp_path):
    ground, out = saved(samples, tmp_path / "ground.gpkg"), tmp_path / "map.tif"
    said = json.loads(
        process(
            "--json", "run", "sam_geomed:landcover", "--", f"INPUT={images[0]}",
            f"SAMPLES={ground}", "CLASS_FIELD=kind", "CLASSIFIER=discriminant", f"OUTPUT={out}",
        )
    )  # fmt: skip
    assert said["results"]["OVERALL"] > 0.9
    table = tmp_path / "change.gpkg"
    said = json.loads(
        process(
            "--json", "run", "sam_geomed:change", "--", f"BEFORE={out}", f"AFTER={out}",
            f"OUTPUT={table}",
        )
    )  # fmt: skip
    assert said["results"]["COUNT"] == 0
    assert said["results"]["CHANGED_HA"] == 0
    assert table.exists()
