"""Medical volumes: DICOM, NIfTI, NRRD and MetaImage to label maps on the same grid.

For research, not a medical device.

Names are imported when they are first used, so `import sam_med` loads no torch and no image
library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.lazy import lazy_names

if TYPE_CHECKING:
    from sam_med.codes import Code as Code
    from sam_med.compare import Comparison as Comparison
    from sam_med.compare import compare_files as compare_files
    from sam_med.convert import convert_volume as convert_volume
    from sam_med.info import describe_path as describe_path
    from sam_med.labels import LabelMap as LabelMap
    from sam_med.prompt_files import read_prompts as read_prompts
    from sam_med.prompts import ObjectPrompt as ObjectPrompt
    from sam_med.prompts import VoxelMask as VoxelMask
    from sam_med.prompts import VoxelPoint as VoxelPoint
    from sam_med.provenance import Provenance as Provenance
    from sam_med.review import write_review as write_review
    from sam_med.scan import find_series as find_series
    from sam_med.segment import segment_volume as segment_volume
    from sam_med.segmentation import Segmentation as Segmentation
    from sam_med.segments import Segment as Segment
    from sam_med.series import Series as Series
    from sam_med.sink import write_labels as write_labels
    from sam_med.sink import write_outputs as write_outputs
    from sam_med.slice_box import SliceBox as SliceBox
    from sam_med.slices import SliceEmbeddings as SliceEmbeddings
    from sam_med.source import read_volume as read_volume
    from sam_med.stats import Measurement as Measurement
    from sam_med.stats import measure as measure
    from sam_med.volume import Volume as Volume
    from sam_med.window_level import choose_stretch as choose_stretch

_HOME = {
    "Code": "sam_med.codes",
    "Comparison": "sam_med.compare",
    "LabelMap": "sam_med.labels",
    "Measurement": "sam_med.stats",
    "ObjectPrompt": "sam_med.prompts",
    "Provenance": "sam_med.provenance",
    "Segment": "sam_med.segments",
    "Segmentation": "sam_med.segmentation",
    "Series": "sam_med.series",
    "SliceBox": "sam_med.slice_box",
    "SliceEmbeddings": "sam_med.slices",
    "Volume": "sam_med.volume",
    "VoxelMask": "sam_med.prompts",
    "VoxelPoint": "sam_med.prompts",
    "choose_stretch": "sam_med.window_level",
    "compare_files": "sam_med.compare",
    "convert_volume": "sam_med.convert",
    "describe_path": "sam_med.info",
    "find_series": "sam_med.scan",
    "measure": "sam_med.stats",
    "read_prompts": "sam_med.prompt_files",
    "read_volume": "sam_med.source",
    "segment_volume": "sam_med.segment",
    "write_labels": "sam_med.sink",
    "write_outputs": "sam_med.sink",
    "write_review": "sam_med.review",
}
__all__ = [
    "Code",
    "Comparison",
    "LabelMap",
    "Measurement",
    "ObjectPrompt",
    "Provenance",
    "Segment",
    "Segmentation",
    "Series",
    "SliceBox",
    "SliceEmbeddings",
    "Volume",
    "VoxelMask",
    "VoxelPoint",
    "choose_stretch",
    "compare_files",
    "convert_volume",
    "describe_path",
    "find_series",
    "measure",
    "read_prompts",
    "read_volume",
    "segment_volume",
    "write_labels",
    "write_outputs",
    "write_review",
]


__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
