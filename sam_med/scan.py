"""Scan: every DICOM series under a path, by headers alone.

A path is one file, a folder tree, a zip of either, or a DICOMDIR, which means the folder that it
lies in. What is no DICOM, or no image, is left out and counted.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.files import check_input
from sam_med import archive, suv
from sam_med.diagnostics import Diagnostic, RefusedError, found
from sam_med.headers import read_headers
from sam_med.pixels import digest
from sam_med.series import Series, group
from sam_med.source import SUFFIXES, way_in

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from sam_med.slice_header import SliceHeader

DICOMDIR = "DICOMDIR"
MIXED = "mixed-series"
MOST_LISTED = 12
"""Series that an error lists."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What lies under a path."""

    series: tuple[Series, ...]
    diagnostics: tuple[Diagnostic, ...]
    """About the whole: several series, files that were left out."""
    files: int
    """How many were looked at."""

    def choose(self, choice: int | str | None) -> Series:
        """The series of a number or a SeriesInstanceUID; without a choice, the only one.

        Raises:
            RefusedError: "mixed-series", with the list of choices.
            InputError: No series, or none of this choice.
        """
        if choice is None and len(self.series) == 1:
            return self.series[0]
        listed = _choices(self.series)
        if choice is None:
            raise RefusedError([found(MIXED, f"{len(self.series)} series: {listed}")])
        matching = [one for one in self.series if one.matches(choice)]
        if len(matching) == 1:
            return matching[0]
        if matching:
            listed = _choices(matching)
            message = f"this UID has {len(matching)} parts: {listed}"
            raise RefusedError([found(MIXED, message)])
        # a choice that is no number may be a UID, which is not repeated
        named = str(choice) if str(choice).isdigit() else "of this UID"
        raise InputError(f"no series {named}: there are {len(self.series)}: {listed}")


def find_series(path: str | os.PathLike[str]) -> list[Series]:
    """Every series under a path, in a fixed order; see `scan`."""
    return list(scan(path).series)


def scan(path: str | os.PathLike[str]) -> Scan:
    """Look at every file under a path.

    Args:
        path: A DICOM file, a folder, a zip archive, or a DICOMDIR.

    Raises:
        InputError: Nothing there, or no DICOM images.
        RefusedError: The only file is damaged.
    """
    source = Path(path)
    check_input(source)
    files = files_under(source)
    slices: list[SliceHeader] = []
    told: Counter[str] = Counter()
    objects: Counter[str] = Counter()
    damage = None
    for file in files:
        try:
            headers = read_headers(file)
        except RefusedError as error:
            told["unreadable-header"] += 1
            damage = error
            continue
        if headers is None:
            told["not-dicom"] += 1
        elif headers.not_image:
            objects[headers.not_image] += 1
        else:
            slices += headers.slices
    if not slices:
        raise damage or InputError(_nothing(source, len(files), objects))
    series = [suv.assess(one) for one in group(slices, digest)]
    return Scan(tuple(series), tuple(_about(series, told, objects)), len(files))


def files_under(source: Path) -> list[Path]:
    """Every file that a path stands for, in order of its name."""
    if source.is_file():
        if source.name.upper() == DICOMDIR:
            source = source.parent
        elif zipfile.is_zipfile(source):
            source = archive.unpack(source)
        else:
            return [source]
    return sorted(
        path for path in source.rglob("*") if path.is_file() and path.name.upper() != DICOMDIR
    )


def _nothing(source: Path, files: int, objects: Counter[str]) -> str:
    if objects:
        return (
            f"not-an-image: no DICOM images among {files} file(s), but other objects: "
            f"{_listed(objects)} (give the images that they were made from)"
        )
    if way := way_in(source, _names(source)):
        return f"not-dicom: {way}"
    if source.is_file() and files == 1:
        return (
            "not-dicom: the file is no DICOM, no zip of it, and its name does not end like that "
            f"of a volume file ({', '.join(SUFFIXES)})"
        )
    return (
        f"not-dicom: no DICOM images among {files} file(s) "
        "(give the file, folder or zip that holds the images of a series)"
    )


def _names(source: Path) -> list[str]:
    """Of the files that a folder or a zip holds."""
    if source.is_dir():
        return [path.name for path in source.rglob("*")]
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as held:
            return held.namelist()
    return []


def _choices(series: Sequence[Series]) -> str:
    """The first of several series, one phrase each."""
    texts = [f"{one.number}) {one.summary()}" for one in series[:MOST_LISTED]]
    if (rest := len(series) - MOST_LISTED) > 0:
        texts.append(f"and {rest} more, which `sam-med info` shows")
    return "; ".join(texts)


def _listed(objects: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(objects.items()))


def _about(series: Sequence[Series], told: Counter[str], objects: Counter[str]) -> list[Diagnostic]:
    about = []
    if len(series) > 1:
        about.append(found(MIXED, f"{len(series)} series", series=len(series)))
    if count := told["not-dicom"]:
        about.append(found("not-dicom", f"{count} file(s) are no DICOM", files=count))
    if objects:
        count = sum(objects.values())
        message = f"{count} file(s) are no images: {_listed(objects)}"
        about.append(found("not-an-image", message, files=count))
    if count := told["unreadable-header"]:
        message = f"the header of {count} DICOM file(s) cannot be read"
        about.append(found("unreadable-header", message, files=count))
    return about
