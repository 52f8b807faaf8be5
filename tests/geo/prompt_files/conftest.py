"""Files of prompts in the folder of a test."""

from __future__ import annotations

import pytest
from vector_files import frame_of

from sam_geo.prompts.geo_prompt import load_prompts
from sam_geo.raster.source import open_raster


@pytest.fixture
def load(tmp_path, grey_raster):
    """Prompts of a file of the test's folder."""

    def read(name, **options):
        with open_raster(grey_raster) as source:
            return load_prompts(tmp_path / name, source, **options)

    return read


@pytest.fixture
def shapefile(tmp_path):
    """A Shapefile s.shp with its parts."""
    frame_of(**{"class": ["ä", "ö"]}).to_file(tmp_path / "s.shp", encoding="ISO-8859-1")
    return tmp_path / "s.shp"
