"""Objects of a network, found once for a job."""

from __future__ import annotations

import numpy as np
import pytest

from sam_common.errors import InputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.tiled_job.progress import silent
from sam_common.window import Window
from sam_geo.bands.stack import open_stack
from sam_geo.mapping.found_objects import opened_objects


def test_they_are_found_once(request_of, quiet):
    request = request_of(raster=quiet.raster, objects="auto")
    request.parts.mkdir()
    loads = []

    def load():
        loads.append(1)
        return FakeSegmenter(model_size=256)

    numbers = []
    with open_stack([quiet.raster]) as stack:
        for _ in range(2):
            with opened_objects(request, stack, load, silent) as (objects, figures):
                numbers.append(objects.read(Window((0, 0), quiet.truth.shape)))
            # of objects that lie on each other the label raster shows the first
            assert 1 < len(np.unique(numbers[-1])) - 1 <= figures["counts"]["ok"]
    assert loads == [1]
    assert np.array_equal(*numbers)


def test_none_and_polygons(request_of, scene, tmp_path):
    with (
        open_stack([scene.raster]) as stack,
        opened_objects(request_of(), stack, None, silent) as (objects, figures),
    ):
        assert (objects, figures) == (None, {})


def test_without_a_network(request_of, scene):
    with (
        open_stack([scene.raster]) as stack,
        pytest.raises(InputError, match="need a network"),
        opened_objects(request_of(objects="auto"), stack, None, silent),
    ):
        pass
