"""Boxes of superpixels."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
from geo_jobs import request_of, truth_of
from seeing_segmenters import SeesValues

from sam_common.segmenter.capabilities import Capabilities
from sam_geo.automatic import superpixels
from sam_geo.automatic.options import AutoOptions
from sam_geo.automatic.superpixels import superpixel_boxes
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


def rectangles():
    image = np.full((120, 160, 3), 60, dtype=np.uint8)
    image[20:60, 30:90] = (200, 40, 40)
    image[80:110, 100:150] = (40, 200, 40)
    return image


def nearest(boxes, box):
    return np.abs(boxes - np.array(box)).max(axis=1).min()


@pytest.mark.parametrize("bands", [1, 3])
def test_pieces_of_one_colour_are_boxes(bands):
    image = rectangles()[..., :bands].squeeze()
    boxes = superpixel_boxes(image, np.ones((120, 160), np.bool_))
    # outer pixel edges, to the pixel of the smaller image
    assert nearest(boxes, (29.5, 19.5, 89.5, 59.5)) <= 2
    if bands == 3:
        assert nearest(boxes, (99.5, 79.5, 149.5, 109.5)) <= 2
    assert [tuple(box) for box in boxes] == sorted({tuple(box) for box in boxes})


def test_the_whole_image_and_invalid_pixels_are_no_boxes():
    flat = np.full((60, 80), 9, dtype=np.uint8)
    assert superpixel_boxes(flat, np.ones((60, 80), np.bool_)).shape == (0, 4)
    image, valid = rectangles(), np.ones((120, 160), np.bool_)
    valid[:, 95:] = False
    boxes = superpixel_boxes(image, valid)
    assert len(boxes)
    assert boxes[:, 2].max() <= 95.5


def test_an_image_of_one_pixel_has_no_box():
    assert superpixel_boxes(np.zeros((1, 1), np.uint8), np.ones((1, 1), np.bool_)).shape == (0, 4)


def test_boxes_of_every_scale_are_tried(monkeypatch):
    image, valid = rectangles(), np.ones((120, 160), np.bool_)
    image += np.random.default_rng(0).integers(0, 40, image.shape).astype(np.uint8)
    every, found = superpixel_boxes(image, valid), set()
    for scale in superpixels.SCALES:
        monkeypatch.setattr(superpixels, "SCALES", (scale,))
        found |= {tuple(box) for box in superpixel_boxes(image, valid).tolist()}
    assert {tuple(box) for box in every.tolist()} == found
    assert len(superpixel_boxes(image, valid)) < len(found)
