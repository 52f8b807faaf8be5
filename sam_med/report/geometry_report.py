"""Geometry report: the series under a path with their geometry and diagnostics, as plain data.

A report holds no name, date, identifier or path, so it can be passed on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.support.files import check_input
from sam_med.files.read import read_volume
from sam_med.formats.suffixes import is_volume_file
from sam_med.geometry import frame as frames
from sam_med.geometry.anatomical_plane import plane_of_frame
from sam_med.geometry.diagnostics import RefusedError, errors_of
from sam_med.geometry.time_points import REPEATED
from sam_med.series import fill_value

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from sam_med.geometry.diagnostics import Diagnostic
    from sam_med.series.grouping import Series

SERIES_COLUMNS = ("series", "modality", "size i j k", "spacing mm", "plane", "times", "read as")
"""Columns of `series_rows`."""
DIAGNOSTIC_COLUMNS = ("series", "severity", "code", "what was seen", "what is done")
"""Columns of `diagnostic_rows`."""
CHOICES = frozenset({REPEATED, "layers"})
"""Codes of errors that the user resolves by choosing a time point or a layer."""


def describe_path(path: str | os.PathLike[str], *, join_series: bool = False) -> dict[str, Any]:
    """Every series under a path, with its geometry and diagnostics; JSON-able.

    Args:
        path: A volume file, or a DICOM file, folder, zip archive or DICOMDIR. Of each DICOM
            series the headers are read, and one to three slices.
        join_series: Whether parts of one scan that were sent as several series are joined, see
            `sam_med.series.find.scan`.

    Returns:
        `kind` ("dicom" or "volume"), `files` (their number), `series` (one mapping each, see
        `sam_med.series.grouping.Series.describe`), and `diagnostics` about the path as a whole.

    Raises:
        InputError: The path does not exist, or no file under it is an image.
    """
    source = Path(path)
    check_input(source)
    if is_volume_file(source):
        return {
            "kind": "volume",
            "files": 1,
            "series": [_describe_file(source)],
            "diagnostics": [],
        }
    from sam_med.series.find import scan  # noqa: PLC0415  # pydicom only where it is needed

    found = scan(source, join_series=join_series)
    return {
        "kind": "dicom",
        "files": found.files,
        "series": [_describe_series(series) for series in found.series],
        "diagnostics": [diagnostic.describe() for diagnostic in found.diagnostics],
    }


def _describe_series(series: Series) -> dict[str, Any]:
    """Facts on a DICOM series; one that can be read has the diagnostics of its values as well."""
    facts = series.describe()
    if facts["readable"]:
        facts["diagnostics"] += [d.describe() for d in fill_value.fill_diagnostics(series)]
    return facts


def series_rows(facts: Mapping[str, Any]) -> list[list[str]]:
    """One row of `SERIES_COLUMNS` for each series of `describe_path`."""
    return [
        [
            str(one["number"]),
            one["modality"] or "not stated",
            " x ".join(str(n) for n in one["size_ijk"]),
            " x ".join(f"{v:g}" for v in one["spacing_ijk_mm"] or ()) or "unknown",
            ", ".join(word for word in (one["plane"], one["kind"]) if word),
            str(one["time_points"] or "unknown"),
            _state(one),
        ]
        for one in facts["series"]
    ]


def diagnostic_rows(facts: Mapping[str, Any]) -> list[list[str]]:
    """One row of `DIAGNOSTIC_COLUMNS` for each diagnostic of `describe_path`."""
    rows = [["", *_row(diagnostic)] for diagnostic in facts["diagnostics"]]
    for one in facts["series"]:
        rows += [[str(one["number"]), *_row(diagnostic)] for diagnostic in one["diagnostics"]]
    return rows


def _row(diagnostic: Mapping[str, Any]) -> list[str]:
    """A diagnostic as the columns after the number of its series."""
    return [diagnostic[key] for key in ("severity", "code", "message", "action")]


def _state(one: Mapping[str, Any]) -> str:
    """How a series is read: refused, or by its transfer syntaxes, or as a type of voxels."""
    if not one["readable"]:
        return "refused"
    return ", ".join(one["transfer_syntax"]) or str(one["dtype"])


def _describe_file(path: Path) -> dict[str, Any]:
    """Facts on a volume file, with the keys of those on a DICOM series."""
    told: tuple[Diagnostic, ...] = ()
    times = 1
    try:
        volume = read_volume(path)
    except RefusedError as error:
        told = error.diagnostics
        if not {d.code for d in errors_of(told)} <= CHOICES:
            raise
        times = int(told[0].numbers.get("time_points", told[0].numbers.get("layers", 1)))
        volume = read_volume(path, time=1)
    own = [d for d in volume.diagnostics if d.code not in CHOICES]
    return {
        "number": 1,
        "series_number": None,
        "modality": volume.modality,
        "size_ijk": list(volume.shape[::-1]),
        "spacing_ijk_mm": [round(v, 6) for v in frames.spacing_mm(volume.frame)[::-1]],
        "plane": plane_of_frame(volume.frame),
        "kind": None,
        "time_points": times,
        "files": 1,
        "transfer_syntax": [],
        "readable": True,
        "dtype": str(volume.array.dtype),
        "diagnostics": [d.describe() for d in (*told, *own)],
    }
