"""Steps of a window, sent to another process as pickles are."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from sam_common.automatic.options import EverythingOptions
from sam_common.errors import InputError
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.tiled_job.parts import pack
from sam_common.window import Window
from sam_geo.automatic.options import AutoOptions
from sam_geo.automatic.window_steps import Ends, Grid, Moved, WindowSteps
from sam_geo.prompted.embedding import EmbeddingSource
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch

PLACE = Window((16, 32), (80, 96))


@pytest.fixture
def path(make_raster):
    values = np.random.default_rng(1).integers(1, 250, (3, 100, 120)).astype(np.uint8)
    values[:, :4] = 0
    return make_raster(values, name="steps.tif", nodata=0)


def steps_of(source):
    segmenter = FakeSegmenter(model_size=64, radius_px=7.0)
    options = AutoOptions(64, 16, EverythingOptions(points_per_side=3))
    return WindowSteps(source, EmbeddingSource(segmenter, choose_stretch(source)), options)


def sent(thing):
    return pickle.loads(pickle.dumps(thing))  # noqa: S301  # bytes of our own


def test_a_copy_finds_the_same(path):
    with open_raster(path) as source:
        here = steps_of(source)
        there = sent(here)
        asked = Grid(PLACE)
        part = here.find(asked, here.read(asked))
        assert len(part.instances) == 9
        question = sent(asked)
        assert pack(there.find(question, there.read(question))) == pack(part)
        # counts are told where they were made
        assert (here.embedded["encoded"], there.embedded["encoded"]) == (1, 1)
        boxes = Grid(PLACE, np.array([[3.0, 4.0, 20.0, 30.0]]))
        (found,) = there.find(boxes, there.read(boxes)).instances
        assert found.region.window == Window((20, 35), (47, 53))


def test_a_window_without_data_is_told(path):
    with open_raster(path) as source:
        steps = steps_of(source)
        empty = Window((0, 0), (4, 64))
        assert steps.read(Grid(empty)) is None
        assert steps.find(Grid(empty), None).notes == {"status": "nodata"}
        assert steps.follow(Ends(empty, (), ()), None).instances == ()
        assert steps.find_again(Moved(empty, ["a", "b"]), None).notes == {"answers": [None, None]}
        assert steps.embedded["nodata"] == 1


def test_a_raster_that_is_not_there_or_another_one_is_refused(path):
    with open_raster(path) as source:
        data = pickle.dumps(steps_of(source))
    written = path.read_bytes()
    path.write_bytes(written[:-1] + bytes([written[-1] ^ 1]))
    with pytest.raises(InputError, match="is another raster here than where the job began"):
        pickle.loads(data)  # noqa: S301  # bytes of our own
    path.unlink()
    with pytest.raises(InputError, match=r"no such file here: .*steps\.tif"):
        pickle.loads(data)  # noqa: S301  # bytes of our own
