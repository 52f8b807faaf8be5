"""Overlap: which object a voxel belongs to in a label map where two objects claim it.

```
overwrite    a later object takes voxels of
none         no earlier one: what is finished stays as it is
other        earlier ones of another structure: a lesion of its organ, never of another lesion
all          every earlier one, as the published script of LiteMedSAM paints
```
3D Slicer's Segment Editor asks the same question as "Modify other segments". Formats that hold
overlapping objects keep both whole, whatever is chosen.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from sam_common.errors import InputError

if TYPE_CHECKING:
    from sam_med.objects.segments import Segment
    from sam_med.objects.snomed import Code

OverwriteLabels: TypeAlias = Literal["none", "other", "all"]
"""Name of a rule, as `--overwrite-labels` takes it."""
OVERWRITE_LABELS: tuple[OverwriteLabels, ...] = get_args(OverwriteLabels)
DEFAULT_OVERWRITE: OverwriteLabels = "none"
NUMBER = re.compile(r"[-_ ]*\d+$")
"""The number behind the name of one of several objects of a structure."""
TOLD: dict[OverwriteLabels, str] = {
    "none": "the earlier label is kept in label maps; seg.nrrd and DICOM SEG keep both",
    "other": "in label maps the later label takes voxels of other structures only; seg.nrrd and "
    "DICOM SEG keep both",
    "all": "the later label is kept in label maps; seg.nrrd and DICOM SEG keep both",
}
"""The rule in words of a manifest."""


def overwrite_of(name: str) -> OverwriteLabels:
    """The rule of a name.

    Raises:
        InputError: No rule has that name.

    >>> overwrite_of("other")
    'other'
    """
    for known in OVERWRITE_LABELS:
        if name == known:
            return known
    raise InputError(f"labels overwrite {', '.join(OVERWRITE_LABELS)}, got {name!r}")


def takes(later: Segment, earlier: Segment, overwrite: OverwriteLabels) -> bool:
    """Whether a later object takes the voxels of an earlier one in a label map."""
    if overwrite == "other":
        return _structure(later) != _structure(earlier)
    return overwrite == "all"


def _structure(segment: Segment) -> Code | str:
    """What an object is one of: its code with its side, else its name without a number behind."""
    if segment.code is not None:
        return segment.code
    return NUMBER.sub("", segment.name).strip().lower()
