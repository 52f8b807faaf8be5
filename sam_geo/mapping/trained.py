"""Trained models: that of a land-cover job, from a file, from its samples, or from its parts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sam_common.support.files import write_bytes
from sam_geo.bands.blocks import MARGIN, blocks
from sam_geo.bands.embedded_raster import EmbeddingFeatures
from sam_geo.classification.beside import beside_of
from sam_geo.learning.model import load_model, save_model
from sam_geo.learning.sample_pixels import block_numbers
from sam_geo.learning.training import learn
from sam_geo.mapping.opened import Training
from sam_geo.mapping.record import training_facts, training_notes
from sam_geo.mapping.request import EMBEDDING

if TYPE_CHECKING:
    from sam_common.tiled_job.progress import Progress
    from sam_geo.bands.stack import RasterStack
    from sam_geo.classification.objects import Objects
    from sam_geo.learning.model import LandcoverModel
    from sam_geo.mapping.network import JobNetwork
    from sam_geo.mapping.opened import OpenedMap
    from sam_geo.mapping.request import LandcoverRequest

MODEL, NOTES = "model.skops", "notes.json"
"""Files among the parts of a map that keep its training."""


def trained_model(
    request: LandcoverRequest,
    opened: OpenedMap,
    network: JobNetwork,
    objects: Objects | None,
    progress: Progress,
) -> tuple[LandcoverModel, list[str]]:
    """The model to use, and notes on its samples; a job that is resumed learns nothing again."""
    if not isinstance(opened.origin, Training):
        return opened.origin, []
    kept, told = request.parts / MODEL, request.parts / NOTES
    if kept.is_file() and told.is_file():
        return load_model(kept), list(json.loads(told.read_text(encoding="utf-8")))
    with opened.times.timed("learn"):
        model, notes = learned_model(opened.origin, opened.stack, network, objects, progress)
    save_model(model, kept)
    write_bytes(told, json.dumps(notes).encode())
    return model, notes


def learned_model(
    training: Training,
    stack: RasterStack,
    network: JobNetwork,
    objects: Objects | None,
    progress: Progress,
) -> tuple[LandcoverModel, list[str]]:
    """Learn the samples of a job.

    Args:
        training: The samples, and how to learn from them.
        stack: The rasters that they lie on.
        network: Gives the embedding, where that is to be tried.
        objects: Objects over which it is pooled.
        progress: Called with a description and a total for each step.

    Returns:
        The model, with the facts of its training; and notes on its samples.

    Raises:
        InputError: A raster cannot be read.
        PromptError: Fewer than two classes have samples on data.
    """
    embedding = None
    if EMBEDDING in training.choice.features:
        embedding = _surveyed(training, stack, network, objects)
    learned = learn(
        stack,
        training.samples,
        indices=training.indices,
        classifier=training.choice.classifier,
        seed=training.choice.seed,
        embedding=embedding,
        progress=progress,
    )
    model = replace(learned.model, training=training_facts(learned, training.choice))
    return model, training_notes(learned)


def _surveyed(
    training: Training, stack: RasterStack, network: JobNetwork, objects: Objects | None
) -> EmbeddingFeatures:
    """What the network makes of the blocks in which samples lie."""
    windows = blocks(stack.size_hw)
    used = np.unique(block_numbers(training.samples, stack.size_hw)).tolist()
    # with the margin, for which features are computed too
    axes, embedded = network.survey([windows[n].expand(MARGIN) for n in used])
    return EmbeddingFeatures(axes, beside_of(embedded, objects))
