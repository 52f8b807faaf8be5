"""Text of GeoJSON files: what GDAL does not give of it, or changes without an error.

GDAL does not give ids of features as they are written, skips broken lines of a sequence, and cuts
a text at its first zero byte. So the text is read beside GDAL.
"""

from __future__ import annotations

import json
import mmap
import re
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sam_common.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

GEOJSON_DRIVERS = frozenset(("GeoJSON", "GeoJSONSeq"))
"""GDAL's short names of GeoJSON and of sequences of features."""
SEPARATOR = b"\x1e"
"""First byte of each record of a sequence by RFC 8142; in other sequences each line is a record."""
TWO = re.compile(rb"\}\s*\{")
"""Two objects in one record, or a text with these characters."""
TYPES = frozenset(
    (
        *("Feature", "Point", "MultiPoint", "LineString", "MultiLineString"),
        *("Polygon", "MultiPolygon", "GeometryCollection"),
    )
)
"""Values of `type` that a record of a sequence may have."""


@dataclass(frozen=True, slots=True)
class GeoJSONText:
    """The text of a GeoJSON file, which may lie in a zip file."""

    path: Path
    """The GeoJSON file or the zip file."""
    member: str | None = None
    """Name of the GeoJSON file in the zip file; None without one."""
    is_sequence: bool = False
    """Whether each line, or each record behind a separator, is a feature."""

    def check(self, rows: int) -> None:
        """Refuse a file of which GDAL left something out.

        The bytes are searched once, and parsed only where they look broken.

        Args:
            rows: Number of features that GDAL read.

        Raises:
            PromptError: A sequence has another number of features, or a text has a zero byte.
        """
        with self._content() as content:
            if (place := content.find(rb"\u0000")) >= 0:
                raise PromptError(
                    f"line {_line(content, place)} of {self.path} has a text with a zero byte "
                    f"(\\u0000), which no file can hold"
                )
            if self.is_sequence:
                self._check_records(content, rows)

    def _check_records(self, content: mmap.mmap | bytes, rows: int) -> None:
        """Raise `PromptError` unless a sequence has as many records as rows were read."""
        count = 0
        for line, record in _records(content):
            count += 1
            if TWO.search(record):  # GDAL reads the first object only
                self._feature(record, line)
        if count != rows:
            features = [self._feature(record, line) for line, record in _records(content)]
            raise self._differs(len(features), rows)

    def ids(self, rows: int) -> Sequence[Any]:
        """Read the members `id` of features, exactly as they are written.

        Only a file with the word `"id"` in it is parsed.

        Args:
            rows: Number of features that GDAL read.

        Returns:
            An id, or None, for each feature.

        Raises:
            PromptError: The file has another number of features.
        """
        with self._content() as content:
            if content.find(b'"id"') < 0:
                return [None] * rows
            features = self._features(content)
        if len(features) != rows:
            raise self._differs(len(features), rows)
        return [feature.get("id") if isinstance(feature, dict) else None for feature in features]

    def head(self, size: int) -> bytes:
        """Read the first `size` bytes."""
        with self._content() as content:
            return content[:size]

    @contextmanager
    def _content(self) -> Iterator[mmap.mmap | bytes]:
        """Map the file into memory, or read it from the zip file."""
        if self.member is not None:
            with zipfile.ZipFile(self.path) as archive:
                yield archive.read(self.member)
            return
        with (
            self.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            yield content

    def _features(self, content: mmap.mmap | bytes) -> list[Any]:
        """Parse all features, without their coordinates."""
        if self.is_sequence:
            return [self._feature(record, n) for n, record in _records(content)]
        found = self._parsed(content[:], 1, _without_shape)
        if isinstance(found, dict) and found.get("type") == "FeatureCollection":
            features = found.get("features")
            return features if isinstance(features, list) else []
        return [found]

    def _feature(self, record: bytes, line: int) -> Any:
        """Parse a record that begins on a line; raise `PromptError` where it is no feature."""
        found = self._parsed(record, line)
        if not isinstance(found, dict) or found.get("type") not in TYPES:
            raise PromptError(
                f"line {line} of {self.path} is no feature: {record.decode(errors='replace')[:60]}"
            )
        return found

    def _parsed(
        self, text: bytes, line: int, keep: Callable[[dict[str, Any]], Any] | None = None
    ) -> Any:
        """Parse a text that begins on a line; `keep` is the `object_hook` of `json.loads`."""
        try:
            return json.loads(text, object_hook=keep)
        except (ValueError, RecursionError) as error:
            where = line + (error.lineno - 1 if isinstance(error, json.JSONDecodeError) else 0)
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise PromptError(
                f"line {where} of {self.path} is no GeoJSON ({reason}): it is damaged or cut off"
            ) from error

    def _differs(self, features: int, rows: int) -> PromptError:
        """Word the error of a file with more or fewer features than GDAL read."""
        return PromptError(
            f"{self.path} is damaged: it has {features} features, and {rows} can be read"
        )


def _without_shape(found: dict[str, Any]) -> dict[str, Any] | None:
    """Drop a parsed geometry: coordinates take most of the memory, and GDAL has read them."""
    return None if "coordinates" in found and found.get("type") != "Feature" else found


def _records(content: mmap.mmap | bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a sequence that are not empty, with the numbers of their first lines."""
    end = SEPARATOR if content[:1] == SEPARATOR else b"\n"
    start, line = 0, 1
    while start < len(content):
        place = content.find(end, start)
        stop = len(content) if place < 0 else place
        record = content[start:stop]
        if text := record.strip():
            before = record[: len(record) - len(record.lstrip())]
            yield line + before.count(b"\n"), text
        start = stop + 1
        line += record.count(b"\n") + (end == b"\n")


def _line(content: mmap.mmap | bytes, place: int) -> int:
    """Count the line, from 1, on which a byte lies."""
    return content[:place].count(b"\n") + 1
