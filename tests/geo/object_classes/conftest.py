"""A scene of discs and squares, and requests for it."""

from __future__ import annotations

import pytest
from colour_segmenter import ColourSegmenter
from object_scenes import object_scene

from sam_geo.object_classes.request import ClassifyRequest, SimilarRequest


@pytest.fixture(scope="package")
def scene(tmp_path_factory):
    return object_scene(tmp_path_factory.mktemp("objects"))


@pytest.fixture(scope="package")
def quiet(tmp_path_factory):
    """The scene as a network sees it that finds all pixels of one colour."""
    return object_scene(tmp_path_factory.mktemp("quiet"), noise=0)


@pytest.fixture
def write(tmp_path):
    """Write a table of examples into the test's folder."""

    def to(table, name="examples.gpkg"):
        table.to_file(tmp_path / name)
        return tmp_path / name

    return to


@pytest.fixture
def similar(scene, tmp_path, write):
    """Make a request on the scene, with its outlines as candidates and six discs as examples."""

    def make(**options):
        defaults = {
            "image": str(scene.raster),
            "output": tmp_path / "more.gpkg",
            "candidates": scene.objects,
            "with_embedding": False,
        }
        if "examples" not in options:
            defaults["examples"] = write(scene.some("disc", 6))
        return SimilarRequest(**(defaults | options))

    return make


@pytest.fixture
def classify(scene, tmp_path, write):
    """Make a request on the scene, with points on ten objects of each kind as samples."""

    def make(**options):
        defaults = {
            "rasters": (str(scene.raster),),
            "objects": scene.objects,
            "output": tmp_path / "classes.gpkg",
            "class_field": "kind",
            "classifier": "discriminant",
        }
        if "samples" not in options:
            rows = [scene.some(kind, 10, points=True) for kind in ("disc", "square")]
            import pandas as pd

            defaults["samples"] = write(pd.concat(rows), "samples.gpkg")
        return ClassifyRequest(**(defaults | options))

    return make


@pytest.fixture
def colours():
    """A network whose embedding is the mean colour of each cell."""
    return ColourSegmenter(model_size=64)
