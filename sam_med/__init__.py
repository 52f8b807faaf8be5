"""Medical volumes: DICOM, NIfTI, NRRD and MetaImage to label maps on the same grid.

For research, not a medical device.

Names are imported when they are first used, so `import sam_med` loads no torch and no image
library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.lazy import lazy_names

if TYPE_CHECKING:
    from sam_med.labels import LabelMap as LabelMap
    from sam_med.prompts import ObjectPrompt as ObjectPrompt
    from sam_med.segment import Segmentation as Segmentation
    from sam_med.segment import segment_volume as segment_volume
    from sam_med.sink import write_labels as write_labels
    from sam_med.source import read_volume as read_volume
    from sam_med.volume import Volume as Volume
    from sam_med.window_level import choose_stretch as choose_stretch

_HOME = {
    "ObjectPrompt": "sam_med.prompts",
    "LabelMap": "sam_med.labels",
    "Segmentation": "sam_med.segment",
    "Volume": "sam_med.volume",
    "choose_stretch": "sam_med.window_level",
    "read_volume": "sam_med.source",
    "segment_volume": "sam_med.segment",
    "write_labels": "sam_med.sink",
}
__all__ = [
    "LabelMap",
    "ObjectPrompt",
    "Segmentation",
    "Volume",
    "choose_stretch",
    "read_volume",
    "segment_volume",
    "write_labels",
]


__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
