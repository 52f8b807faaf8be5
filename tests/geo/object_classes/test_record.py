"""Records beside the tables."""

from __future__ import annotations

import json

from sam_geo.object_classes.classify import run_classify
from sam_geo.object_classes.similar import run_similar


def test_what_a_search_was_made_with(similar, write, scene):
    record = run_similar(similar(negatives=write(scene.some("square", 3), "no.gpkg")))
    known = json.loads(similar().output.with_suffix(".job.json").read_text())
    assert known == record
    assert set(record["inputs"]) == {"raster", "examples", "negatives", "candidates"}
    assert record["inputs"]["examples"]["sha256"]
    assert record["said"] == {"examples": 6, "refused": 3, "nothing": len(scene.table) - 9}
    assert record["parameters"]["classifier"] == "discriminant"
    assert record["parameters"]["kept"] == "more.candidates.parquet"
    assert record["judgement"] is record["network"] is None
    assert "scikit-learn" in record["versions"]
    assert "total" in record["seconds"]


def test_what_classes_were_made_with(classify):
    record = run_classify(classify())
    assert json.loads(classify().output.with_suffix(".job.json").read_text()) == record
    assert set(record["inputs"]) == {"raster", "objects", "samples"}
    assert record["samples"]["objects"] == {"disc": 10, "square": 10}
    assert record["accuracies"]["blocked"]["pixels"] == 20
