from __future__ import annotations

import builtins

import numpy as np
import pytest
from pycocotools import mask as coco_api

from sam_common.errors import InputError
from sam_common.evaluation.annotations import region_of

SIZE = (60, 80)
POLYGONS = [[20.5, 10.25, 50, 11, 44.2, 30, 20, 33], [60, 2, 75, 5, 62, 20]]


def full(region):
    mask = np.zeros(SIZE, dtype=np.bool_)
    mask[region.window.slices] = region.mask
    return mask


# pycocotools was built before NumPy 2
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_all_three_forms_are_the_masks_of_pycocotools():
    expected = coco_api.decode(coco_api.merge(coco_api.frPyObjects(POLYGONS, *SIZE))) > 0
    runs = coco_api.encode(np.asfortranarray(expected.astype(np.uint8)))
    flat = expected.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    counts = np.diff(edges, prepend=0, append=flat.size).tolist()
    forms = [
        POLYGONS,
        {"size": list(SIZE), "counts": runs["counts"].decode()},
        {"size": list(SIZE), "counts": counts},
    ]
    for form in forms:
        np.testing.assert_array_equal(full(region_of(form, SIZE)), expected)


def test_what_is_empty_has_no_region():
    assert region_of([], SIZE) is None
    assert region_of({"size": list(SIZE), "counts": [SIZE[0] * SIZE[1]]}, SIZE) is None


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[1, 2, 3, 4]], "three corners or more"),
        ([[1, 2, 3, 4, 5, 6, 7]], "three corners or more"),
        ([[1, 2, 3, 4, 5, float("nan")]], "three corners or more"),
        ("polygon", "polygons or run lengths, got 'polygon'"),
        ({"size": [80, 60], "counts": [4800]}, "an image of 80 x 60, the image has 60 x 80"),
        ({"size": [60, 80], "counts": [3]}, "must sum to 60 x 80"),
    ],
)
def test_what_is_malformed_is_refused(segmentation, message):
    with pytest.raises(InputError, match=message):
        region_of(segmentation, SIZE)


def test_polygons_need_pycocotools(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("pycocotools"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r'pip install "sam-geomed\[evaluate\]"'):
        region_of(POLYGONS, SIZE)
