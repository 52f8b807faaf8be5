from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sam_common.errors import GeometryError
from sam_common.prompts import Prompts
from sam_common.segmenter.embedding_store import EmbeddingStore
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.segmenter.predictor import Embedding
from sam_common.window import Window
from sam_med.geometry import frame as frames
from sam_med.geometry.volume import Volume
from sam_med.slices.embedded_slices import Plane, SliceEmbeddings, plane_of
from sam_med.slices.window_level import choose_stretch

DIRECTION = (1, 0, 0, 0, 1, 0, 0, 0, 1)
FEATURE_BYTES = 4 * 1024


class Heavy(FakeSegmenter):
    """Embeddings of a size that counts."""

    def embed(self, image):
        light = super().embed(image)
        features = np.full((1, 1, 32, 32), float(image.sum()), dtype=np.float32)
        return Embedding(features, light.image_size_hw, light.input_size_hw, light.model)


def volume_of(shape=(6, 20, 30), spacing_ijk=(1, 1, 1)):
    array = np.random.default_rng(5).integers(-150, 200, shape).astype(np.int16)
    return Volume(array, frames.from_itk((0, 0, 0), spacing_ijk, DIRECTION), "CT")


def slices_of(volume, segmenter=None, **options):
    return SliceEmbeddings(volume, choose_stretch(volume), segmenter or Heavy(), **options)


def test_each_slice_is_embedded_once():
    slices = slices_of(volume_of())
    for _ in range(3):
        for axis, count in enumerate(slices.shape):
            for index in range(count):
                slices.get(axis, index)
    assert slices.calls == 6 + 20 + 30
    assert slices.calls == len(slices.segmenter.embedded)


def test_threads_share_what_one_of_them_made():
    slices = slices_of(volume_of())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: slices.get(1, n % 20), range(200)))
    assert slices.calls == 20
    assert all(found[n] is found[n % 20] for n in range(200))


def test_a_slice_that_is_there_does_not_wait_for_one_that_is_encoded():
    begun, may_end = threading.Event(), threading.Event()

    class Slow(FakeSegmenter):
        def embed(self, image):
            if self.embedded:
                begun.set()
                assert may_end.wait(300)
            return FakeSegmenter.embed(self, image)

    volume = volume_of()
    slices = SliceEmbeddings(volume, choose_stretch(volume), Slow())
    there = slices.get(0, 1)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(slices.get, 0, 2)
        assert begun.wait(300)
        assert slices.get(0, 1) is there
        assert not other.done()
        may_end.set()
        assert other.result(300) is slices.get(0, 2)


def test_the_network_is_shown_the_slices_of_each_axis():
    volume = volume_of()
    slices = slices_of(volume)
    shades = slices.stretch.apply(volume.array)
    assert np.array_equal(slices.image(0, 2), shades[2])
    assert np.array_equal(slices.image(1, 7), shades[:, 7])
    assert np.array_equal(slices.image(2, 29), shades[:, :, 29])


def test_memory_is_bounded_and_nothing_is_embedded_twice():
    limit = 5
    with slices_of(volume_of(), max_bytes=limit * FEATURE_BYTES) as slices:
        first = [slices.get(1, n).features.copy() for n in range(20)]
        assert len(slices._kept) == limit
        again = [slices.get(1, n).features for n in range(20)]
        assert len(slices._kept) == limit
        assert slices.calls == 20
        assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))


def test_what_is_spilled_is_private_and_goes(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with slices_of(volume_of(), max_bytes=FEATURE_BYTES) as slices:
        slices.get(0, 0)
        assert not list(tmp_path.iterdir())
        slices.get(0, 1)
        (folder,) = tmp_path.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(tmp_path.iterdir())


def test_a_store_outlives_the_run(tmp_path):
    volume = volume_of()
    first = slices_of(volume, store=EmbeddingStore(tmp_path / "kept", {}))
    made = first.get(2, 3)
    first.close()
    second = slices_of(volume, store=EmbeddingStore(tmp_path / "kept", {}))
    assert np.array_equal(second.get(2, 3).features, made.features)
    assert (first.calls, second.calls) == (1, 0)


@pytest.mark.parametrize(
    ("spacing_ijk", "axis", "shown_hw"),
    [
        ((0.5, 0.5, 4), 0, (20, 30)),
        ((0.5, 0.5, 4), 1, (48, 30)),
        ((0.5, 0.5, 4), 2, (48, 20)),
        ((2, 1, 1), 0, (20, 60)),
        # rounded spacing is not a reason to resample
        ((1, 1.005, 1), 0, (20, 30)),
    ],
)
def test_slices_are_shown_with_square_pixels(spacing_ijk, axis, shown_hw):
    volume = volume_of(spacing_ijk=spacing_ijk)
    assert plane_of(volume, axis).shown_hw == shown_hw
    assert slices_of(volume).image(axis, 2).shape == shown_hw


def test_long_planes_are_not_blown_up():
    assert Plane(1, (600, 512), (5.0, 0.5)).shown_hw == (1024, 87)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_prompts_and_masks_are_on_the_grid_of_the_volume(axis):
    slices = slices_of(volume_of(spacing_ijk=(1, 1, 5)))
    box = Window((2, 7), (5, 16))
    prompts = Prompts.from_boxes([6.5, 1.5, 15.5, 4.5])
    region = slices.decode(axis, 3, prompts).region(0)
    assert region.window == box
    assert region.mask.all()
    assert slices.decoded == 1


def test_no_such_slice():
    slices = slices_of(volume_of())
    with pytest.raises(GeometryError, match=r"^axis 0 has the slices 0 to 5, got 6$"):
        slices.get(0, 6)
    with pytest.raises(GeometryError, match=r"^a volume has the axes 0, 1 and 2, got 3$"):
        slices.get(3, 0)
