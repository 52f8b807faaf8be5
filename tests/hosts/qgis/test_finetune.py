"""Learning from polygons in Processing and from the panel."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)

QUICK = {"EPOCHS": 1, "VIEWS": 1}


class Log(QgsProcessingFeedback):
    """Keeps what is shown."""

    def __init__(self):
        super().__init__()
        self.infos, self.warnings, self.texts, self.commands = [], [], [], []

    def pushInfo(self, text):
        self.infos.append(text)

    def pushWarning(self, text):
        self.warnings.append(text)

    def setProgressText(self, text):
        self.texts.append(text)

    def pushDebugInfo(self, text):
        self.commands.append(text)


@pytest.fixture
def crowns(data):
    """The boxes of all crowns with their corners cut, as polygons in the raster's system."""
    truth = json.loads((data / "geo" / "neon_osbs_trees" / "neon_osbs_trees.json").read_text())
    layer = QgsVectorLayer("Polygon?crs=EPSG:32617", "crowns", "memory")
    features = []
    for prompt in truth["prompts"]:
        shape = QgsGeometry.fromRect(QgsRectangle(*prompt["box_crs"])).smooth(2)
        feature = QgsFeature(layer.fields())
        feature.setGeometry(shape)
        features.append(feature)
    assert layer.dataProvider().addFeatures(features)[0]
    return layer


def learned(trees_tif, crowns, folder, log, **options):
    import processing

    parameters = {
        "INPUT": str(trees_tif),
        "OBJECTS": crowns,
        "OUTPUT": str(folder / "crowns.safetensors"),
        **QUICK,
        **options,
    }
    return processing.run("sam_geomed:finetune", parameters, feedback=log)


def test_a_network_learns_and_gets_a_name(loaded, suite, trees_tif, crowns, tmp_path):
    log, name = Log(), f"qgis-{uuid.uuid4().hex[:12]}"
    result = learned(trees_tif, crowns, tmp_path, log, KEEP_ANYWAY=True, CALLED=name)
    assert result["OUTPUT"] == str(tmp_path / "crowns.safetensors")
    card = json.loads((tmp_path / "crowns.card.json").read_text())
    boxes = card["figures"]["boxes"]
    assert (result["BOX_BEFORE"], result["BOX_AFTER"]) == (boxes["before"], boxes["after"])
    assert result["VERDICT"] == card["verdict"]["text"]
    assert result["NAMED"] == name
    assert card["data"]["objects"]["judge"] > 10
    assert any(
        line.startswith(f"mean IoU by box: {boxes['before']:.3f} before") for line in log.infos
    )
    assert any(text.startswith("epochs: ") for text in log.texts)
    assert not (tmp_path / "crowns.safetensors.parts").exists()
    try:
        listed = json.loads(suite.run("-m", "sam_common.cli", "weights", "list", "--json"))
        (found,) = (one for one in listed if one["name"] == name)
        assert found["title"] == "tuned from mobile_sam"
    finally:
        Path(found["path"]).unlink()


def test_what_is_not_better_is_told_and_not_written(loaded, tmp_path):
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("sam_geomed:finetune")
    said = {
        "output": None,
        "verdict": {"text": "not better beyond chance.", "is_better": False},
        "data": {"objects": {"learn": 8, "stop": 3, "judge": 5}},
        "figures": {
            "boxes": {
                "before": 0.7, "after": 0.69, "low": -0.03, "high": 0.01,
                "prompt_alone": {"box filled": 0.6},
            }
        },
    }  # fmt: skip
    log = Log()
    result = algorithm.results(said, ({}, QgsProcessingContext(), log), tmp_path)
    assert log.warnings == ["not better beyond chance. Nothing is written."]
    assert "OUTPUT" not in result
    assert (result["BOX_BEFORE"], result["BOX_AFTER"]) == (0.7, 0.69)
    assert log.infos[0] == "8 polygons were learned, 3 said when to stop, 5 judge"
    # by its own exit code, which is no error here
    assert 4 in algorithm.FINE


def test_the_network_sees_the_bands_that_are_shown(loaded, trees_tif, crowns, tmp_path):
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("sam_geomed:finetune")
    layer = QgsRasterLayer(str(trees_tif), "trees")
    layer.renderer().setRedBand(3)
    layer.renderer().setBlueBand(1)
    output = str(tmp_path / "crowns")
    run = ({"INPUT": layer, "OBJECTS": crowns, "OUTPUT": output}, QgsProcessingContext(), Log())
    assert algorithm.prepareAlgorithm(*run)
    said = algorithm.arguments(run, tmp_path)
    assert said[said.index("--bands") + 1] == "3,2,1"
    # few polygons are shown more often where nothing is said
    assert "--epochs" not in said
    # the suffix is added where QGIS has none
    assert said[said.index("--output") + 1] == f"{output}.safetensors"


def test_the_panel_opens_the_dialog_with_its_layers(loaded, trees_tif, crowns, monkeypatch):
    import processing

    dock = loaded.window.dock
    asked = []
    monkeypatch.setattr(processing, "execAlgorithmDialog", lambda *given: asked.append(given))
    raster = QgsRasterLayer(str(trees_tif), "trees")
    target = crowns.clone()
    QgsProject.instance().addMapLayers([raster, target])
    wanted = raster.id(), target.id()
    try:
        dock.raster_box.setLayer(raster)
        dock.target_box.setLayer(None)
        dock.learn_button.click()
        assert "layer of polygons" in dock.status.text()
        dock.target_box.setLayer(target)
        dock.learn_button.click()
    finally:
        QgsProject.instance().removeAllMapLayers()
    ((name, chosen),) = asked
    assert dock.learn_button.text() == "Learn from these…"
    assert name == "sam_geomed:finetune"
    assert (chosen["INPUT"], chosen["OBJECTS"]) == wanted
    assert chosen["MODEL"] == "mobile_sam"


def test_the_panel_offers_what_was_learned_with_its_figures(loaded, trees_tif, crowns, monkeypatch):
    import processing

    dock, window = loaded.window.dock, loaded.window
    told = {"BOX_BEFORE": 0.6123, "BOX_AFTER": 0.7346, "VERDICT": "Better.", "NAMED": "crowns-7"}
    answers = [told, {"BOX_BEFORE": 0.6, "BOX_AFTER": 0.6, "VERDICT": "Not to be taken."}]
    monkeypatch.setattr(processing, "execAlgorithmDialog", lambda *_: answers.pop(0))
    monkeypatch.setattr(window.session, "prepare", lambda: None)
    raster = QgsRasterLayer(str(trees_tif), "trees")
    target = crowns.clone()
    QgsProject.instance().addMapLayers([raster, target])
    try:
        dock.raster_box.setLayer(raster)
        dock.target_box.setLayer(target)
        before = dock.model
        dock.learn_button.click()
        assert dock.learned.text() == "Mean IoU by box: 0.612 before, 0.735 after. Better."
        assert dock.use_button.isVisibleTo(dock)
        # offered, not taken
        assert dock.model == before
        dock.use_button.click()
        assert dock.model == "crowns-7"
        dock.use_model(before)
        dock.learn_button.click()
        assert dock.learned.text().endswith("0.600 after. Not to be taken.")
        assert not dock.use_button.isVisibleTo(dock)
        assert dock.model == before
    finally:
        QgsProject.instance().removeAllMapLayers()
