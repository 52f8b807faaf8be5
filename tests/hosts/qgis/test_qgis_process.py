"""The plugin without a window: `qgis_process`, as scripts and servers use it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from osgeo import gdal, ogr


@pytest.fixture
def boxes_file(data, tmp_path):
    """Eight boxes of crowns and one far away, as GeoJSON in the raster's system."""
    about = json.loads((data / "geo" / "neon_osbs_trees" / "neon_osbs_trees.json").read_text())
    boxes = [each["box_crs"] for each in about["prompts"][:8]]
    boxes.append([405000, 3280000, 405010, 3280010])
    features = [
        {
            "type": "Feature",
            "properties": {"class": "Tree"},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]],
            },
        }
        for x0, y0, x1, y1 in boxes
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32617"}}
    path = tmp_path / "boxes.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    return path


def test_qgis_process_runs_the_plugin_end_to_end(process, boxes_file, trees_tif, tmp_path):
    # a plugin whose import fails is enabled too: only its algorithms tell
    assert "sam_geomed:prompts" in process("list")
    out = tmp_path / "out.gpkg"
    said = process(
        "--json", "run", "sam_geomed:prompts", "--", f"INPUT={trees_tif}", f"PROMPTS={boxes_file}",
        f"OUTPUT={out}",
    )  # fmt: skip
    assert json.loads(said)["results"]["OUTPUT"] == str(out)
    dataset = ogr.Open(str(out))
    table = dataset.GetLayer(0)
    assert table.GetFeatureCount() == 9
    inverse = gdal.InvGeoTransform(gdal.Open(str(trees_tif)).GetGeoTransform())
    shapes = _geometries(table)
    assert len(shapes) == 8
    for shape in shapes:
        assert shape.IsValid()
        x0, _, y0, _ = shape.GetEnvelope()
        corner = np.array(gdal.ApplyGeoTransform(inverse, x0, y0))
        assert np.abs(corner - np.round(corner)).max() < 0.01


def _geometries(table):
    # QGIS writes an empty geometry where a feature has none
    found = [row.GetGeometryRef().Clone() for row in table]
    return [shape for shape in found if not shape.IsEmpty()]
