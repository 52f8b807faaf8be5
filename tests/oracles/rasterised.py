"""Polygons as they come from pixels, and how well two polygons agree."""

from __future__ import annotations

import numpy as np
import rasterio.features
import shapely
from affine import Affine


def iou(a, b):
    return shapely.area(shapely.intersection(a, b)) / shapely.area(shapely.union(a, b))


def stairs_of(shape, pixel=0.5):
    """The outline of a shape's pixels."""
    left, bottom, right, top = shapely.bounds(shape)
    transform = Affine(pixel, 0, left - pixel, 0, -pixel, top + pixel)
    size = (int((top - bottom) / pixel) + 4, int((right - left) / pixel) + 4)
    mask = rasterio.features.rasterize([shape], out_shape=size, transform=transform, dtype="uint8")
    found = rasterio.features.shapes(mask, mask=mask > 0, transform=transform)
    return shapely.union_all([shapely.geometry.shape(part) for part, _ in found])


def coverage_of(labels):
    """The outlines of all areas of a label image, in pixel corners; areas may have several."""
    found = rasterio.features.shapes(labels.astype("int32"), mask=labels > 0)
    return np.array([shapely.geometry.shape(part) for part, _ in found], dtype=object)
