"""Tasks of segment-geospatial, in an environment of its own; nothing of this suite."""

from __future__ import annotations

import sys
import tempfile
import types
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import reference
import torch

from tests.benchmarks import inputs
from tests.benchmarks.worker import Work


def polygons(root: str, state: str, points_per_side: int) -> Work:
    """Everything in a GeoTIFF to a GeoPackage.

    Args:
        root: Of the test data.
        state: File of MobileSAM's weights by their published names.
        points_per_side: Of the grid of points.
    """
    segment_anything = reference.segment_anything_reference()
    # the class takes any network of its package's registry; MobileSAM is the one with real weights
    segment_anything.sam_model_registry["vit_t"] = _mobile_sam
    _leave_out_later_models()
    from samgeo.common import raster_to_vector
    from samgeo.samgeo import SamGeo

    options = {"points_per_side": points_per_side}
    model = SamGeo(model_type="vit_t", checkpoint=state, device="cpu", sam_kwargs=options)
    folder = tempfile.TemporaryDirectory()
    masks, table = f"{folder.name}/masks.tif", f"{folder.name}/table.gpkg"

    def run() -> str:
        model.generate(str(Path(root) / inputs.GEOTIFF), masks)
        raster_to_vector(masks, table)
        return table

    def answer(found: str) -> dict[str, np.ndarray]:
        with folder:
            return {"covered": inputs.covered(root, found)}

    return Work(run, answer)


def _mobile_sam(checkpoint: str) -> torch.nn.Module:
    network = reference.mobile_sam_reference().sam_model_registry["vit_t"]()
    return reference.with_weights(network, torch.load(checkpoint, weights_only=True))


def _leave_out_later_models() -> None:
    # the package itself imports SAM 2 and 3, with all that they need
    found = find_spec("samgeo")
    package = types.ModuleType("samgeo")
    package.__path__ = list(found.submodule_search_locations)
    sys.modules["samgeo"] = package


TASKS = {"polygons": polygons}
