"""Differences: what two descriptions of a job disagree on, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FACTS = frozenset({"bytes", "mtime_ns", "sha256", "sha256_ends", "etag", "last_modified"})
"""Entries by which a file is identified; where one of them is, the mapping stands for a file."""
LONG = 60
"""Characters from which a value is cut."""


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say what differs between two descriptions, each difference in a few words.

    Args:
        before: Plain values by name, as JSON has them; values may be mappings themselves. A mapping
            with entries such as `path`, `bytes` and `sha256` is a file.
        now: The same of today.

    Returns:
        One phrase for each value that differs, in the order of the names.

    >>> differences({"seed": 0, "bands": ["red"]}, {"seed": 1, "bands": ["red"]})
    ['seed was 0, is 1']
    >>> differences({"training": {"index": None}}, {"training": {"index": "ndvi"}})
    ['training index was none, is ndvi']
    >>> one = {"path": "a.tif", "bytes": 8, "sha256": "12"}
    >>> differences({"raster": one}, {"raster": {**one, "sha256": "34"}})
    ['raster a.tif has changed']
    >>> differences({"raster": one}, {"raster": {**one, "path": "b.tif"}})
    ['raster was a.tif, is b.tif']
    """
    return _told("", before, now)


def _told(what: str, before: Any, now: Any) -> list[str]:
    if before == now:
        return []
    if _is_file(before) and _is_file(now) and before.get("path") == now.get("path"):
        return [f"{what} {_text(now)} has changed"]
    if _is_nested(before) and _is_nested(now):
        names = sorted(before.keys() | now.keys())
        return [
            phrase
            for name in names
            for phrase in _told(f"{what} {name}".strip(), before.get(name), now.get(name))
        ]
    return [f"{what} was {_text(before)}, is {_text(now)}"]


def _is_file(value: Any) -> bool:
    return isinstance(value, Mapping) and not FACTS.isdisjoint(value)


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping) and not _is_file(value)


def _text(value: Any) -> str:
    """A value as a reader knows it: a file by its path, lists with commas, long ones cut."""
    if value is None:
        return "none"
    if _is_file(value):
        return str(value.get("path", "another file"))
    if isinstance(value, Mapping):
        text = ", ".join(f"{name} {_text(each)}" for name, each in value.items()) or "none"
    elif isinstance(value, Sequence) and not isinstance(value, str):
        text = ", ".join(map(_text, value)) or "none"
    else:
        text = str(value)
    return text if len(text) <= LONG else f"{text[: LONG - 1]}…"
