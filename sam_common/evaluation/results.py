"""Results: overlaps of every object by every protocol, their summary, and the files they go to.

```
results/
  summary.json   dataset, model, figures of each protocol
  summary.md     the same as a table
  objects.csv    one row for each object and protocol
  worst/         the objects that were found worst, with the true outline and the one found
```
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

THRESHOLDS = (0.5, 0.75)
"""IoU from which an object counts as found."""
COLUMNS = ("image", "object", "protocol", "area_px", "iou", "boundary_iou")


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """What was found for one object by one protocol."""

    image: str
    object: str
    protocol: str
    area_px: int
    """Pixels of the known object."""
    iou: float
    boundary_iou: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over all objects by one protocol."""

    objects: int
    mean_iou: float
    mean_boundary_iou: float
    recall: Mapping[str, float]
    """Part of the objects whose IoU is at least this, by the IoU."""

    def described(self) -> dict[str, Any]:
        """The figures as plain values."""
        return {
            "objects": self.objects,
            "mean_iou": round(self.mean_iou, 4),
            "mean_boundary_iou": round(self.mean_boundary_iou, 4),
            "recall": {name: round(value, 4) for name, value in self.recall.items()},
        }


def figures(scores: Iterable[ObjectScore]) -> dict[str, Figures]:
    """The figures of each protocol, in the order in which they come."""
    by_protocol: dict[str, list[ObjectScore]] = {}
    for one in scores:
        by_protocol.setdefault(one.protocol, []).append(one)
    found = {}
    for name, part in by_protocol.items():
        ious = np.array([one.iou for one in part])
        found[name] = Figures(
            len(part),
            float(ious.mean()),
            float(np.mean([one.boundary_iou for one in part])),
            {str(least): float((ious >= least).mean()) for least in THRESHOLDS},
        )
    return found


def figures_of(summary: Mapping[str, Any]) -> dict[str, Figures]:
    """The figures of a summary."""
    return {
        name: Figures(
            one["objects"], one["mean_iou"], one["mean_boundary_iou"], dict(one["recall"])
        )
        for name, one in summary["protocols"].items()
    }


def rows(found: Mapping[str, Figures]) -> list[list[str]]:
    """Cells of a table, a row for each protocol; `HEADINGS` names them."""
    return [
        [
            name,
            str(one.objects),
            f"{one.mean_iou:.3f}",
            f"{one.mean_boundary_iou:.3f}",
            *(f"{one.recall[str(least)]:.3f}" for least in THRESHOLDS),
        ]
        for name, one in found.items()
    ]


HEADINGS = (
    "asked by",
    "objects",
    "mean IoU",
    "boundary IoU",
    *(f"recall at {least}" for least in THRESHOLDS),
)


def markdown(title: str, found: Mapping[str, Figures], notes: Sequence[str]) -> str:
    """The summary as a page."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *rows(found)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    told = "".join(f"- {note}\n" for note in notes)
    return f"# {title}\n\n{table}\n" + (f"\n{told}" if told else "")


def table_of(scores: Iterable[ObjectScore]) -> str:
    """All objects as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in scores:
        writer.writerow(
            [
                one.image,
                one.object,
                one.protocol,
                one.area_px,
                f"{one.iou:.6f}",
                f"{one.boundary_iou:.6f}",
            ]
        )
    return text.getvalue()
