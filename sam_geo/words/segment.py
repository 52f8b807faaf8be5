"""From an open raster and words to one row for each object: boxes by words, masks by boxes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from sam_common.errors import ModelError
from sam_common.tiled_job.progress import silent
from sam_geo.prompted.segment import RunOptions, run_prompts
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import choose_stretch
from sam_geo.words.options import WordOptions
from sam_geo.words.windows_to_boxes import FoundWords, WordWork, find_words

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import geopandas

    from sam_common.detectors.detector import Detector
    from sam_common.executors.executor import Executor
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_geo.prompted.segment import PromptJob
    from sam_geo.raster.source import RasterSource

SCORE = "text_score"
"""Column with how well an object goes with its phrase, beside the class."""
MASKS = "masks"
"""What the folders begin with, in that of the parts of the boxes, that have the parts of masks."""


def segment_words(
    image: str | os.PathLike[str],
    words: str | Sequence[str] | WordOptions,
    *,
    segmenter: Segmenter,
    detector: Detector,
    bands: Sequence[int] | None = None,
    executor: Executor | None = None,
) -> geopandas.GeoDataFrame:
    """Segment the objects in a raster that words describe.

    Args:
        image: A raster of any size that GDAL opens.
        words: A phrase such as "solar panel", or several, each of which is a class; or
            `WordOptions`, with the least score and the side of the windows too.
        segmenter: From `sam_common.segmenter.load_segmenter`; it has to take boxes.
        detector: From `sam_geo.load_detector`.
        bands: One or three 1-based bands to look at; red, green, blue where not given.
        executor: Looks for the words and segments in other processes, such as
            `sam_common.executors.DaskExecutor`; this one does where None.

    Returns:
        One row per object with the columns `sam_geo.results.rows.COLUMNS`, its phrase as `class`,
        and `text_score`, how well it goes with the phrase, 0 to 1; none where nothing was found.

    Raises:
        InputError: The raster or the words cannot be used.
        CapabilityError: The segmenter takes no boxes.
        ModelError: The detector failed in a window, or a worker cannot load it.
    """
    if isinstance(words, WordOptions):
        options = words
    else:
        options = WordOptions((words,) if isinstance(words, str) else tuple(words))
    with open_raster(image, bands=bands) as source:
        how = RunOptions(executor=executor)
        found, boxes = run_words(source, options, (detector, segmenter), how)
    if boxes.report.failures:
        raise ModelError(
            f"{len(boxes.report.failures)} of {boxes.report.windows} windows failed, so what they "
            f"show is not known: {boxes.report.messages[0]}"
        )
    return found.table


def run_words(
    source: RasterSource,
    words: WordOptions,
    networks: tuple[Detector, Segmenter],
    options: RunOptions | None = None,
    *,
    progress: Progress | None = None,
) -> tuple[PromptJob, FoundWords]:
    """Segment what words describe in an open raster.

    A window that fails raises no error: its message stands in `report` of what is returned.

    Args:
        source: The raster.
        words: What to look for.
        networks: The detector, which finds boxes, and a segmenter that takes them.
        options: Stretch, polygons, workers or the executor, and where parts and embeddings are
            kept.
        progress: Called with a description and a total for each step.

    Returns:
        The job of the masks, whose table has the column `text_score`, and the boxes.

    Raises:
        CapabilityError: The segmenter takes no boxes.
        GeometryError: The raster has no usable geotransform.
        InputError: The sample for the stretch cannot be read.
        PromptError: A phrase is too long for the detector.
    """
    detector, segmenter = networks
    # once, before the windows: in each of them it would be a failure of that window
    detector.check_text(words.phrases)
    how = options or RunOptions()
    stretch = how.stretch or choose_stretch(source)
    how = replace(how, stretch=stretch)
    work = WordWork(source, detector, stretch, words)
    boxes = find_words(work, how, progress=progress or silent)
    masks = how
    if how.parts is not None:
        # a window that failed before may give more boxes this time, and so other windows of masks
        found = repr([prompt.identity for prompt in boxes.prompts])
        name = f"{MASKS}-{hashlib.sha256(found.encode()).hexdigest()[:16]}"
        storage = None if how.storage is None else how.storage.within(name)
        masks = replace(how, parts=how.parts / name, resume=True, storage=storage)
    job = run_prompts(source, boxes.prompts, segmenter, progress=progress, options=masks)
    at = job.table.columns.get_loc("class") + 1
    job.table.insert(at, SCORE, [round(score, 6) for score in boxes.scores])
    job.table[SCORE] = job.table[SCORE].astype(float)
    return job, boxes
