"""A small network on its way to learn discs."""

from __future__ import annotations

import pytest
from lessons import ALL, BASE, lesson_of
from small_networks import learning_network

from sam_common.segmenter.embedding_store import EmbeddingStore
from sam_common.segmenter.predictor import segmenter_of
from sam_common.training.answers import best_scored
from sam_common.training.course import Course
from sam_common.training.options import TrainingOptions
from sam_common.training.trainable import Trainable
from sam_common.training_data.embedded_views import EmbeddedViews
from sam_common.training_data.views import views_of

QUICK = TrainingOptions(epochs=3, patience=3, views=2, learning_rate=1e-3, rank=2)


@pytest.fixture
def small_base():
    """The base as a segmenter, and a fresh network of it for each call."""
    segmenter = segmenter_of(
        learning_network(7), name=BASE.name, sha256=BASE.sha256, capabilities=ALL
    )
    return segmenter, lambda: learning_network(7)


@pytest.fixture
def make_course(tmp_path, small_base):
    """A course over a picture of discs, with the options given."""

    def make(options=QUICK, lesson=None):
        segmenter, network = small_base
        store = EmbeddingStore(tmp_path / f"kept {options.views}", {})
        images = (lesson or lesson_of()).images
        views = EmbeddedViews(images, views_of(options.views, seed=options.seed), segmenter, store)
        return Course(Trainable(network(), options), views, options, ALL, BASE.sha256, best_scored)

    return make
