from __future__ import annotations

import numpy as np

from sam_common.segmenter.embedding_store import EmbeddingStore
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.training_data.embedded_views import EmbeddedViews, needed_views
from sam_common.training_data.views import views_of
from tests.oracles.lessons import lesson_of


def test_each_view_is_embedded_once(tmp_path):
    images = lesson_of(pictures=2).images
    fake = FakeSegmenter()
    store = EmbeddingStore(tmp_path / "kept", {})
    views = EmbeddedViews(images, views_of(3, seed=0), fake, store)
    done = []
    views.fill(done.append)
    assert len(fake.embedded) == 6 == len(done)
    views.fill(done.append)
    assert len(fake.embedded) == 6
    assert views.embedding(1, 1).image_size_hw == (128, 96)  # a quarter turn
    assert np.array_equal(fake.embedded[0], images[0].load())
    again = EmbeddedViews(images, views_of(3, seed=0), fake, store)
    again.fill(done.append)
    assert len(fake.embedded) == 6


def test_images_that_only_judge_are_seen_as_they_are():
    images = [*lesson_of().images, *lesson_of(("judge",) * 12).images]
    assert needed_views(images, 3) == [(0, 0), (0, 1), (0, 2), (1, 0)]
