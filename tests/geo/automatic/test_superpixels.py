"""Boxes of superpixels."""

from __future__ import annotations

import geopandas
import numpy as np
from geo_jobs import request_of, truth_of
from seeing_segmenters import SeesValues

from sam_common.segmenter.predictor import Capabilities
from sam_geo.automatic.options import AutoOptions
from sam_geo.jobs.run import run_auto


def test_superpixels_find_the_fields_without_points(fields, labels, tmp_path):
    out = tmp_path / "out.gpkg"
    boxes_only = Capabilities(points=False, boxes=True, masks=False, multimask=False)
    request = request_of(fields, out, options=AutoOptions(None, 32, superpixels=True))
    run_auto(request, lambda: SeesValues(model_size=128, capabilities=boxes_only))
    found = geopandas.read_file(out)
    truth = truth_of(labels)
    hit = [
        any(shape.symmetric_difference(other).area == 0 for other in found.geometry)
        for shape in truth.values()
    ]
    assert np.mean(hit) > 0.8
    assert len(found) <= 1.1 * len(truth)
