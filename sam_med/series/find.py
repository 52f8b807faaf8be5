"""Finding DICOM series: all scans under a path, by the headers of its files alone.

A path is a file, a folder tree, a zip archive, or a DICOMDIR, which stands for its folder. Zip and
.gz files in it are opened. What is no DICOM, no image, or cannot be read (broken links, folders
without permission, empty files) is left out, counted and reported.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.support.files import check_input
from sam_med.dicom.encoding import DAMAGE, is_dicom_head, quiet_pydicom, read_header
from sam_med.formats.suffixes import SUFFIXES, reading_advice
from sam_med.geometry.diagnostics import Diagnostic, RefusedError, found, refused
from sam_med.headers.read import read_headers
from sam_med.pixel_data.pixels import digest
from sam_med.series import joining, suv, zip_input
from sam_med.series.grouping import Series, alike, group
from sam_med.series.tree import BROKEN, CLOSED, DICOMDIR, Tree, walk

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Sequence

    from sam_med.headers.slice_header import SliceHeader

MIXED = "mixed-series"
MISSING = "missing-files"
HEADER = "unreadable-header"
PACKED, SO_CALLED, EMPTY, UNREADABLE = "packed", "not-dicom-by-content", "empty", "unreadable-files"
DICOM_SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".ima"})
"""Suffixes that only DICOM files have."""
APPLE_PREFIX = "._"
"""First letters of the files that macOS puts beside others on foreign disks."""
LEFT_OUT = {
    "not-dicom": "{} file(s) are no DICOM",
    SO_CALLED: "{} file(s) are called DICOM, but hold something else",
    BROKEN: "{} link(s) lead nowhere",
    MISSING: "{} file(s) that a DICOMDIR lists are not there",
    CLOSED: "{} folder(s) may not be entered",
    PACKED: "{} archive(s) are not opened (tar, 7z, rar, bz2, xz, zst, or deep in another)",
    HEADER: "the header of {} DICOM file(s) cannot be read",
}
"""Messages about files that are left out, by diagnostic code."""
LOST = {EMPTY: "are empty", UNREADABLE: "cannot be read"}
"""Parts of the message of the code "unreadable-files"."""
MAX_DEPTH = 2
"""How deep archives inside archives are opened."""
MOST_LISTED = 12
"""Largest number of series that an error lists."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """All DICOM series under a path, and what was left out."""

    series: tuple[Series, ...]
    diagnostics: tuple[Diagnostic, ...]
    """Diagnostics of the whole path: several series, files that were left out."""
    files: int
    """How many files were looked at."""

    def choose(self, choice: int | str | None) -> Series:
        """The series of a number from 1 or a SeriesInstanceUID; without a choice, the only series.

        Raises:
            RefusedError: "mixed-series": several series match; the message lists them.
            InputError: No series matches.
        """
        if choice is None and len(self.series) == 1:
            return self.series[0]
        listed = _choices(self.series)
        if choice is None:
            split = [d for d in self.diagnostics if d.code == joining.SPLIT]
            raise RefusedError([found(MIXED, f"{len(self.series)} series: {listed}"), *split])
        matching = [one for one in self.series if one.matches(choice)]
        if len(matching) == 1:
            return matching[0]
        if matching:
            listed = _choices(matching)
            message = f"this UID has {len(matching)} parts: {listed}"
            raise refused(MIXED, message)
        # a choice that is no number may be a UID, which messages never hold
        named = str(choice) if str(choice).isdecimal() else "of this UID"
        raise InputError(f"no series {named}: there are {len(self.series)}: {listed}")


def find_series(path: str | os.PathLike[str], *, join_series: bool = False) -> list[Series]:
    """List every DICOM series under a path, in a fixed order.

    Args:
        path: A DICOM file, a folder, a zip archive, or a DICOMDIR.
        join_series: Join slices that differ in their series or frame of reference only, see `scan`.

    Raises:
        InputError: There is no such path, or no DICOM image under it.
        RefusedError: The only file is damaged.
    """
    return list(scan(path, join_series=join_series).series)


def scan(path: str | os.PathLike[str], *, join_series: bool = False) -> Scan:
    """Read the headers of all files under a path and group them into series.

    Args:
        path: A DICOM file, a folder, a zip archive, or a DICOMDIR.
        join_series: Join slices that differ in their series or frame of reference only to one
            series, where each of those has one slice, or all slices lie on one even line.

    Raises:
        InputError: There is no such path, or no DICOM image under it.
        RefusedError: The only file is damaged.
    """
    source = Path(path)
    check_input(source)
    contents = _Contents()
    contents.at(files_under(source))
    if not contents.slices:
        raise contents.damage or InputError(
            _no_images(source, contents.files, contents.objects) + _left_out_text(contents)
        )
    slices = joining.join(contents.slices, alike) if join_series else contents.slices
    series = [suv.assess(one) for one in group(slices, digest)]
    about = _diagnostics(series, contents)
    if not join_series:
        about += joining.split_diagnostics(contents.slices, alike)
    return Scan(tuple(series), tuple(about), contents.files)


def files_under(source: Path) -> Tree:
    """All files that a path stands for, sorted by path, and a count of what is left out."""
    if source.is_file():
        if source.name.upper() == DICOMDIR:
            source = source.parent
        elif zipfile.is_zipfile(source):
            source = zip_input.unpack(source)
        else:
            return Tree((source,))
    tree = walk(source)
    listings = [file for file in tree.files if file.name.upper() == DICOMDIR]
    missing = Counter({MISSING: sum(missing_files(file, tree.files) for file in listings)})
    return Tree(tuple(f for f in tree.files if f not in listings), tree.left_out + missing)


def missing_files(listing: Path, files: Sequence[Path]) -> int:
    """How many files a DICOMDIR lists that do not exist, whatever the case of their names.

    It is 0 for a damaged file, and for one that is no DICOMDIR but its name.
    """
    there = {str(file).lower() for file in files}
    try:
        read = read_header(listing, ["DirectoryRecordSequence"])
        with quiet_pydicom():
            records = () if read is None else read[0].get("DirectoryRecordSequence", None) or ()
            listed = [one.get("ReferencedFileID", None) for one in records]
            return sum(
                str(listing.parent.joinpath(*words)).lower() not in there
                for name in listed
                if name and (words := [name] if isinstance(name, str) else list(name))
            )
    except DAMAGE:
        return 0


class _Contents:
    """The slices, other objects and left-out files that a path turned out to hold."""

    def __init__(self) -> None:
        self.files = 0
        self.slices: list[SliceHeader] = []
        self.told: Counter[str] = Counter()
        """Number of files that are left out, by diagnostic code."""
        self.reasons: set[str] = set()
        """What is missing or damaged in headers that cannot be read."""
        self.objects: Counter[str] = Counter()
        """Number of DICOM objects that are no images, by modality."""
        self.damage: RefusedError | None = None
        self._budget = zip_input.Budget()

    def at(self, tree: Tree, depth: int = 0) -> None:
        """Read the headers of all files, those in archives included."""
        self.files += len(tree.files)
        self.told += tree.left_out
        for file in tree.files:
            try:
                headers = read_headers(file)
            except RefusedError as error:
                (said,) = error.diagnostics
                self.told[said.code] += 1
                if said.code == HEADER:
                    self.reasons.add(said.numbers["reason"])
                self.damage = error
                continue
            if headers is None:
                self._at_another(file, depth)
            elif headers.not_image:
                self.objects[headers.not_image] += 1
            else:
                self.slices += headers.slices

    def _at_another(self, file: Path, depth: int) -> None:
        """Open a file that is an archive; count any other file that is no DICOM."""
        try:
            kind = zip_input.kind_of(file)
            if kind in {"zip", "gzip"} and depth < MAX_DEPTH:
                kind = zip_input.peek(file, kind, is_dicom_head)
            if kind in {"zip", "gzip"}:
                self._open(file, depth)
                return
        except (InputError, OSError):
            self.told[UNREADABLE] += 1
            return
        self.told[_code_of(file, kind)] += 1

    def _open(self, file: Path, depth: int) -> None:
        """Unpack an archive and read the headers in it, unless it lies too deep."""
        if depth == MAX_DEPTH:
            self.told[PACKED] += 1
            return
        self.at(walk(zip_input.unpack(file, self._budget)), depth + 1)


def _code_of(file: Path, kind: zip_input.Kind) -> str:
    """The diagnostic code of a file that is no DICOM."""
    if kind == "empty":
        return EMPTY
    if kind == "other":
        return PACKED
    called = file.suffix.lower() in DICOM_SUFFIXES and not file.name.startswith(APPLE_PREFIX)
    return SO_CALLED if called else "not-dicom"


def _no_images(source: Path, files: int, objects: Counter[str]) -> str:
    """The message of the error that a path holds no DICOM images."""
    if objects:
        return (
            f"not-an-image: no DICOM images among {files} file(s), but other objects: "
            f"{_listed(objects)} (give the images that they were made from)"
        )
    if way := reading_advice(source, _names(source)):
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
    """Names of the files in a folder or a zip."""
    if source.is_dir():
        return [path.name for path in source.rglob("*")]
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as held:
            return held.namelist()
    return []


def _choices(series: Sequence[Series]) -> str:
    """The first `MOST_LISTED` series as text, one phrase for each."""
    texts = [f"{one.number}) {one.summary()}" for one in series[:MOST_LISTED]]
    if (rest := len(series) - MOST_LISTED) > 0:
        texts.append(f"and {rest} more, which `sam-med info` shows")
    return "; ".join(texts)


def _listed(objects: Counter[str]) -> str:
    """Counts and names, separated by commas."""
    return ", ".join(f"{count} {name}" for name, count in sorted(objects.items()))


def _diagnostics(series: Sequence[Series], contents: _Contents) -> list[Diagnostic]:
    """Diagnostics of the whole path, see `Scan.diagnostics`."""
    about = []
    if len(series) > 1:
        about.append(found(MIXED, f"{len(series)} series", series=len(series)))
    about += _left_out(contents.told, contents.reasons)
    if contents.objects:
        count = sum(contents.objects.values())
        message = f"{count} file(s) are no images: {_listed(contents.objects)}"
        about.append(found("not-an-image", message, files=count))
    return about


def _left_out(told: Counter[str], reasons: Collection[str]) -> list[Diagnostic]:
    """Diagnostics of the files that are left out and could have been images."""
    about = []
    for code, text in LEFT_OUT.items():
        if count := told[code]:
            why = f" ({'; '.join(sorted(reasons))})" if code == HEADER and reasons else ""
            about.append(found(code, text.format(count) + why, files=count))
    parts = [f"{told[code]} {what}" for code, what in LOST.items() if told[code]]
    if parts:
        count = sum(told[code] for code in LOST)
        about.append(found(UNREADABLE, f"of the files, {' and '.join(parts)}", files=count))
    return about


def _left_out_text(contents: _Contents) -> str:
    """Text about left-out files, for the error that there are no images."""
    told = Counter({code: count for code, count in contents.told.items() if code != "not-dicom"})
    return "".join(f"; {d.line}" for d in _left_out(told, contents.reasons))
