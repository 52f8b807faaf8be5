"""GeoJSON as it is written: what GDAL leaves out of it, or reads in another way.

GDAL keeps the numbers of features to itself and changes those that are there twice, leaves out
lines that are broken, and ends a text at its first zero byte.
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

DRIVERS = frozenset(("GeoJSON", "GeoJSONSeq"))
"""GDAL's readers of it."""
SEPARATOR = b"\x1e"
"""What a record of RFC 8142 begins with; else it is a line."""
TWO = re.compile(rb"\}\s*\{")
"""Where one object may follow another, or a text has such signs."""
TYPES = frozenset(
    (
        *("Feature", "Point", "MultiPoint", "LineString", "MultiLineString"),
        *("Polygon", "MultiPolygon", "GeometryCollection"),
    )
)


@dataclass(frozen=True, slots=True)
class GeoJSONText:
    """A file of GeoJSON, or one in a zip."""

    path: Path
    member: str | None = None
    """Its name in the zip."""
    is_sequence: bool = False
    """Whether it has a feature on each line, or behind each separator."""

    def check(self, rows: int) -> None:
        """Refuse a file of which something was left out.

        The bytes are looked through once, without being parsed.

        Args:
            rows: How many features were read.

        Raises:
            PromptError: There are more, or a text has a zero byte, where it would end.
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
        count = 0
        for line, record in _records(content):
            count += 1
            if TWO.search(record):  # GDAL takes the first one
                self._feature(record, line)
        if count != rows:
            features = [self._feature(record, line) for line, record in _records(content)]
            raise self._differs(len(features), rows)

    def ids(self, rows: int) -> Sequence[Any]:
        """The members `id` of features, exactly as they are written, None where there is none.

        A file that has such members is parsed for it once more; one that has none is only looked
        through.

        Args:
            rows: How many features were read.

        Raises:
            PromptError: There are more or fewer.
        """
        with self._content() as content:
            if content.find(b'"id"') < 0:
                return [None] * rows
            features = self._features(content)
        if len(features) != rows:
            raise self._differs(len(features), rows)
        return [feature.get("id") if isinstance(feature, dict) else None for feature in features]

    def head(self, size: int) -> bytes:
        """The first bytes."""
        with self._content() as content:
            return content[:size]

    @contextmanager
    def _content(self) -> Iterator[mmap.mmap | bytes]:
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
        if self.is_sequence:
            return [self._feature(record, n) for n, record in _records(content)]
        found = self._parsed(content[:], 1, _without_shape)
        if isinstance(found, dict) and found.get("type") == "FeatureCollection":
            features = found.get("features")
            return features if isinstance(features, list) else []
        return [found]

    def _feature(self, record: bytes, line: int) -> Any:
        found = self._parsed(record, line)
        if not isinstance(found, dict) or found.get("type") not in TYPES:
            raise PromptError(
                f"line {line} of {self.path} is no feature: {record.decode(errors='replace')[:60]}"
            )
        return found

    def _parsed(
        self, text: bytes, line: int, keep: Callable[[dict[str, Any]], Any] | None = None
    ) -> Any:
        try:
            return json.loads(text, object_hook=keep)
        except (ValueError, RecursionError) as error:
            where = line + (error.lineno - 1 if isinstance(error, json.JSONDecodeError) else 0)
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise PromptError(
                f"line {where} of {self.path} is no GeoJSON ({reason}): it is damaged or cut off"
            ) from error

    def _differs(self, features: int, rows: int) -> PromptError:
        return PromptError(
            f"{self.path} is damaged: it has {features} features, and {rows} can be read"
        )


def _without_shape(found: dict[str, Any]) -> dict[str, Any] | None:
    """Coordinates are most of a file, and GDAL has read them."""
    return None if "coordinates" in found and found.get("type") != "Feature" else found


def _records(content: mmap.mmap | bytes) -> Iterator[tuple[int, bytes]]:
    """Records that are not empty, each with the number of its first line."""
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
    return content[:place].count(b"\n") + 1
