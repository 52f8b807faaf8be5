"""Classify: a class and its probability for each object of a layer, for scripts and commands.

```
read_placed      objects, and samples with a class           object_features/placed
sampled          which objects the samples are on            object_classes/samples
measured_shapes  bands, form, embedding of each object       object_classes/candidates
fit_best         features that earn their place, classifier  learning/fitting
```
The classifiers, the trial on ground that was not learned and the calibration are those of land
cover; a row is an object here, and a pixel there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sam_common.errors import PromptError
from sam_common.tiled_job.folder import remove_parts
from sam_common.tiled_job.progress import silent
from sam_geo.learning.classifier import DEFAULT
from sam_geo.learning.fitting import fit_best
from sam_geo.learning.sample_pixels import SamplePixels, pixel_weights
from sam_geo.learning.trials import Candidate, Material
from sam_geo.mapping.network import opened_network
from sam_geo.mapping.record import raster_identities
from sam_geo.object_classes.candidates import measured_shapes
from sam_geo.object_classes.object_table import object_table
from sam_geo.object_classes.opened import begin_parts, opened_objects_job
from sam_geo.object_classes.record import classify_record
from sam_geo.object_classes.request import ClassifyRequest
from sam_geo.object_classes.samples import read_object_samples
from sam_geo.object_features.placed import read_placed
from sam_geo.object_features.shape import FORM, SIZE
from sam_geo.prompt_files.table import Wanted
from sam_geo.results.qgis_style import style_path, write_style
from sam_geo.results.record import fingerprint, manifest_path, write_manifest
from sam_geo.tables.write import write_table

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.tiled_job.progress import Progress
    from sam_geo.learning.fitting import Fitted
    from sam_geo.object_classes.samples import ObjectSamples
    from sam_geo.object_features.kept import MeasuredObjects
    from sam_geo.object_features.measure import ObjectFeatures

    Chances = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]


def classify_objects(  # noqa: PLR0913  # one call for what is a request elsewhere
    rasters: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    objects: str | os.PathLike[str],
    samples: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    class_field: str | None = None,
    options: ClassifyRequest | None = None,
    load: Callable[[], Segmenter] | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Give each object of a layer a class, from a few labelled samples.

    Args:
        rasters: One raster or several, which are stacked on the grid of the first.
        objects: Polygons, in any vector format.
        samples: Polygons or points with a class column; each labels the object that it lies on.
        output: The table to write.
        class_field: Column of the class; `class` where None.
        options: Everything else; its rasters, files and output are those above.
        load: Makes the network; needed where its embedding is to be tried.
        progress: Called with a description and a total for each step.

    Returns:
        The record that is written beside the table, with `counts`, `accuracies` and `notes`.

    Raises:
        SuiteError: The inputs, the outputs or the options do not fit together.
    """
    names = [rasters] if isinstance(rasters, str | Path) else list(rasters)  # type: ignore[arg-type]  # a path of another kind
    given: dict[str, Any] = {
        "rasters": tuple(str(name) for name in names),
        "objects": Path(objects),
        "samples": Path(samples),
        "output": Path(output),
    }
    request = ClassifyRequest(**given) if options is None else replace(options, **given)
    if class_field is not None:
        request = replace(request, class_field=class_field)
    return run_classify(request, load, progress=progress)


def run_classify(
    request: ClassifyRequest,
    load: Callable[[], Segmenter] | None = None,
    *,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Classify the objects of a layer, and write table, style and record.

    Args:
        request: Inputs, outputs and options.
        load: Makes the network; needed where its embedding is to be tried.
        progress: Called with a description and a total for each step, from the first one on.

    Returns:
        The record, as written beside the table.

    Raises:
        SuiteError: The inputs, the outputs or the options do not fit together.
    """
    with opened_objects_job(request, band_names=request.band_names) as opened:
        stack, times = opened.stack, opened.times
        wanted = Wanted("objects")
        layer, crs = request.objects_layer, request.objects_crs
        placed = read_placed(request.objects, stack.grid, wanted, layer=layer, crs=crs)
        if not len(placed):
            raise PromptError(
                f"none of the {placed.read} rows of {request.objects} is a polygon on "
                f"{stack.grid.path}"
            )
        samples = read_object_samples(request, stack.grid, placed.shapes)
        origin = {
            **raster_identities(stack),
            "objects": fingerprint(request.objects),
            "network": request.network if request.tries_embedding else None,
        }
        begin_parts(request, stack, origin)
        with times.timed("features"), opened_network(request, load, progress) as network:
            every = np.concatenate([placed.shapes, samples.outlines])
            objects = measured_shapes(
                every, stack, network, progress, with_embedding=request.tries_embedding
            )
        with times.timed("learn"):
            fitted, classes, chances = _learned(request, objects, samples, progress)
        count = len(placed)
        has_data = objects.has_data[:count]
        names = [classes[n] for n in chances.argmax(axis=1)[:count].tolist()]
        found = [name if here else None for name, here in zip(names, has_data, strict=True)]
        table = object_table(
            {
                "id": np.arange(1, count + 1),
                "row": np.array([placed.table.number(n) for n in range(count)], dtype=np.int64),
                "class": pd.Series(found, dtype=object),
                "probability": np.where(has_data, chances.max(axis=1)[:count].round(4), np.nan),
                "sample": pd.Series(samples.of_objects(count), dtype=object),
            },
            placed.shapes,
            stack.grid,
        )
        with times.timed("write"):
            write_table(table, request.output, overwrite=request.replaces, layer=request.layer)
        write_style(list(classes), style_path(request.output), table=request.output.name)
        notes = list(samples.notes)
        if placed.read > count:
            notes.append(
                f"{placed.read - count} of {placed.read} rows of {request.objects} are no polygons "
                f"on the raster, and are not in the table"
            )
        if blind := int((~has_data).sum()):
            notes.append(f"{blind} objects lie on pixels without data and have no class")
        if fitted.blocked is None:
            notes.append(
                "no two classes have samples in two places: nothing says how right the classes are"
            )
        record = classify_record(
            request,
            opened,
            objects,
            fitted,
            counts=Counter(name for name in found if name is not None),
            results={"objects": count, "samples": samples.as_record(), "notes": notes},
        )
        write_manifest(record, manifest_path(request.output))
        remove_parts(request.parts, request.storage)
    return record


def feature_sets(features: ObjectFeatures) -> list[Candidate]:
    """Sets of features of objects to try, the richest last; that one holds all others."""
    form = (*SIZE, *FORM)
    found = [
        Candidate("bands", features.spectral),
        Candidate("bands and form", (*features.spectral, *form)),
    ]
    if features.embedding_axes:
        found.append(Candidate("bands, form and embedding", features.names))
    return found


def _learned(
    request: ClassifyRequest,
    objects: MeasuredObjects,
    samples: ObjectSamples,
    progress: Progress,
) -> tuple[Fitted, tuple[str, ...], Chances]:
    """Learn the samples; the classes, and probabilities (N, K) of all objects."""
    known = samples.as_samples(objects.shapes)
    known = known.on_data(objects.has_data[samples.places])
    # what lies on no data is no sample: the table has a row for each that is left
    kept = samples.places[objects.has_data[samples.places]]
    pixels = SamplePixels(objects.table[kept], np.ones(len(kept), dtype=np.bool_))
    kind = request.classifier or DEFAULT
    material = Material(known, pixels, pixel_weights(known), kind, request.seed)
    fitted = fit_best(material, feature_sets(objects.features), progress=progress)
    chances = fitted.classifier.predict_proba(objects.table[:, fitted.columns])
    return fitted, known.classes, chances
