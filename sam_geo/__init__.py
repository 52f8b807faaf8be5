"""Segmentation of georeferenced rasters into polygons that overlay them exactly.

The names below are imported when they are first used, so `import sam_geo` loads no torch, no GDAL
and no geopandas.

```
from sam_common.segmenter import load_segmenter
from sam_geo import segment_prompts

trees = segment_prompts("ortho.tif", "boxes.gpkg", segmenter=load_segmenter("mobile_sam"))
trees.to_file("trees.gpkg")
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.support.lazy import lazy_names

if TYPE_CHECKING:
    from sam_common.automatic.options import EverythingOptions as EverythingOptions
    from sam_common.detectors.detector import Detections as Detections
    from sam_common.detectors.detector import Detector as Detector
    from sam_common.detectors.load import load_detector as load_detector
    from sam_common.tiled_job.work import JobReport as JobReport
    from sam_common.training.job import TrainingJob as TrainingJob
    from sam_common.training.options import TrainingOptions as TrainingOptions
    from sam_geo.accuracy.assess import Assessment as Assessment
    from sam_geo.accuracy.assess import assess as assess
    from sam_geo.accuracy.estimates import ClassEstimates as ClassEstimates
    from sam_geo.accuracy.estimates import Estimate as Estimate
    from sam_geo.accuracy.estimates import MapEstimates as MapEstimates
    from sam_geo.accuracy.sample_table import draw_points as draw_points
    from sam_geo.automatic.everything import segment_everything as segment_everything
    from sam_geo.automatic.options import AutoOptions as AutoOptions
    from sam_geo.change.dry_run import dry_run_change as dry_run_change
    from sam_geo.change.request import ChangeRequest as ChangeRequest
    from sam_geo.change.run import MapChange as MapChange
    from sam_geo.change.run import detect_change as detect_change
    from sam_geo.change.run import run_change as run_change
    from sam_geo.finetuning.request import FinetuneRequest as FinetuneRequest
    from sam_geo.finetuning.run import dry_run_finetune as dry_run_finetune
    from sam_geo.finetuning.run import finetune as finetune
    from sam_geo.finetuning.run import run_finetune as run_finetune
    from sam_geo.jobs.dry_run import dry_run_auto as dry_run_auto
    from sam_geo.jobs.dry_run import dry_run_prompts as dry_run_prompts
    from sam_geo.jobs.request import AutoRequest as AutoRequest
    from sam_geo.jobs.request import EncodeRequest as EncodeRequest
    from sam_geo.jobs.request import PromptRequest as PromptRequest
    from sam_geo.jobs.run import run_auto as run_auto
    from sam_geo.jobs.run import run_encode as run_encode
    from sam_geo.jobs.run import run_request as run_request
    from sam_geo.mapping.dry_run import dry_run_landcover as dry_run_landcover
    from sam_geo.mapping.landcover import landcover as landcover
    from sam_geo.mapping.request import LandcoverRequest as LandcoverRequest
    from sam_geo.mapping.request import SampleChoice as SampleChoice
    from sam_geo.mapping.run import run_landcover as run_landcover
    from sam_geo.notebook.explore import explore as explore
    from sam_geo.notebook.raster_explorer import RasterExplorer as RasterExplorer
    from sam_geo.object_classes.classify import classify_objects as classify_objects
    from sam_geo.object_classes.classify import run_classify as run_classify
    from sam_geo.object_classes.request import ClassifyRequest as ClassifyRequest
    from sam_geo.object_classes.request import SimilarRequest as SimilarRequest
    from sam_geo.object_classes.similar import find_more as find_more
    from sam_geo.object_classes.similar import run_similar as run_similar
    from sam_geo.prompted.segment import PromptJob as PromptJob
    from sam_geo.prompted.segment import RunOptions as RunOptions
    from sam_geo.prompted.segment import run_prompts as run_prompts
    from sam_geo.prompted.segment import segment_prompts as segment_prompts
    from sam_geo.prompts.geo_prompt import GeoPrompt as GeoPrompt
    from sam_geo.prompts.geo_prompt import load_prompts as load_prompts
    from sam_geo.raster.frame import frame_from_affine as frame_from_affine
    from sam_geo.raster.source import RasterSource as RasterSource
    from sam_geo.raster.source import open_raster as open_raster
    from sam_geo.raster.stretch import Stretch as Stretch
    from sam_geo.results.finish import Finish as Finish
    from sam_geo.tables.write import write_table as write_table
    from sam_geo.words.options import WordOptions as WordOptions
    from sam_geo.words.segment import segment_words as segment_words

_HOME = {
    "Assessment": "sam_geo.accuracy.assess",
    "AutoOptions": "sam_geo.automatic.options",
    "AutoRequest": "sam_geo.jobs.request",
    "ChangeRequest": "sam_geo.change.request",
    "ClassEstimates": "sam_geo.accuracy.estimates",
    "ClassifyRequest": "sam_geo.object_classes.request",
    "Detections": "sam_common.detectors.detector",
    "Detector": "sam_common.detectors.detector",
    "EncodeRequest": "sam_geo.jobs.request",
    "Estimate": "sam_geo.accuracy.estimates",
    "EverythingOptions": "sam_common.automatic.options",
    "FinetuneRequest": "sam_geo.finetuning.request",
    "Finish": "sam_geo.results.finish",
    "GeoPrompt": "sam_geo.prompts.geo_prompt",
    "JobReport": "sam_common.tiled_job.work",
    "LandcoverRequest": "sam_geo.mapping.request",
    "MapChange": "sam_geo.change.run",
    "MapEstimates": "sam_geo.accuracy.estimates",
    "PromptJob": "sam_geo.prompted.segment",
    "PromptRequest": "sam_geo.jobs.request",
    "RasterExplorer": "sam_geo.notebook.raster_explorer",
    "RasterSource": "sam_geo.raster.source",
    "RunOptions": "sam_geo.prompted.segment",
    "SampleChoice": "sam_geo.mapping.request",
    "SimilarRequest": "sam_geo.object_classes.request",
    "Stretch": "sam_geo.raster.stretch",
    "TrainingJob": "sam_common.training.job",
    "TrainingOptions": "sam_common.training.options",
    "WordOptions": "sam_geo.words.options",
    "assess": "sam_geo.accuracy.assess",
    "classify_objects": "sam_geo.object_classes.classify",
    "detect_change": "sam_geo.change.run",
    "draw_points": "sam_geo.accuracy.sample_table",
    "dry_run_auto": "sam_geo.jobs.dry_run",
    "dry_run_change": "sam_geo.change.dry_run",
    "dry_run_finetune": "sam_geo.finetuning.run",
    "dry_run_landcover": "sam_geo.mapping.dry_run",
    "dry_run_prompts": "sam_geo.jobs.dry_run",
    "explore": "sam_geo.notebook.explore",
    "find_more": "sam_geo.object_classes.similar",
    "finetune": "sam_geo.finetuning.run",
    "frame_from_affine": "sam_geo.raster.frame",
    "landcover": "sam_geo.mapping.landcover",
    "load_detector": "sam_common.detectors.load",
    "load_prompts": "sam_geo.prompts.geo_prompt",
    "open_raster": "sam_geo.raster.source",
    "run_auto": "sam_geo.jobs.run",
    "run_change": "sam_geo.change.run",
    "run_classify": "sam_geo.object_classes.classify",
    "run_encode": "sam_geo.jobs.run",
    "run_finetune": "sam_geo.finetuning.run",
    "run_landcover": "sam_geo.mapping.run",
    "run_prompts": "sam_geo.prompted.segment",
    "run_request": "sam_geo.jobs.run",
    "run_similar": "sam_geo.object_classes.similar",
    "segment_everything": "sam_geo.automatic.everything",
    "segment_prompts": "sam_geo.prompted.segment",
    "segment_words": "sam_geo.words.segment",
    "write_table": "sam_geo.tables.write",
}
__all__ = list(_HOME)


__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
