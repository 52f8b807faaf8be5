"""Record: what one part of the demo found, with pictures, figures and sources, as a file of JSON.

A record says everything that the page shows of its part, and names files by their place beside it.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sam_common.errors import InputError
from sam_common.support.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PARTS = ("trees", "landcover", "abdomen", "kidney")
"""Names of the parts of the demo, in the order in which the page shows them."""
FORMAT = "sam-geomed-demo"
VERSION = 1
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
"""Names of files that a record may hold: files beside it, and nothing that leads elsewhere."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its name."""

    name: str
    value: str
    note: str = ""
    """What the number is about, in a few words."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture beside the record."""

    file: str
    """Name of the file with all lines."""
    alt: str
    """What is to be seen, for whoever cannot see it."""
    caption: str
    width: int
    height: int
    plain: str = ""
    """Name of the file of the same picture without outlines; "" for none."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text; the first column names the row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A file that the demo wrote, and what it is."""

    file: str
    what: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where data or weights come from, and on which terms."""

    name: str
    licence: str
    citation: str
    provenance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the demo."""

    name: str
    """One of `PARTS`."""
    title: str
    text: tuple[str, ...]
    """Paragraphs."""
    seconds: Mapping[str, float]
    """What each step took."""
    pictures: tuple[Picture, ...]
    figures: tuple[Figure, ...] = ()
    table: Table | None = None
    gallery: tuple[Picture, ...] = ()
    """Small pictures, the most doubtful first."""
    gallery_title: str = ""
    outputs: tuple[Output, ...] = ()
    origins: tuple[Origin, ...] = ()
    commands: tuple[str, ...] = ()
    """What to type for the same by hand."""
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What else was found out, for the record."""

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all files beside the record that it names."""
        pictures = [*self.pictures, *self.gallery]
        plain = (picture.plain for picture in pictures if picture.plain)
        return tuple(
            dict.fromkeys(
                [*(p.file for p in pictures), *plain, *(output.file for output in self.outputs)]
            )
        )


def record_path(name: str, folder: Path) -> Path:
    """The file of the record of a part in a folder."""
    return folder / f"demo_{name}.json"


class Published(Protocol):
    """An entry of the registry of samples or of checkpoints."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def licence(self) -> str:
        """Licence of the data or of the weights."""

    @property
    def citation(self) -> str:
        """What to cite."""

    @property
    def provenance(self) -> str:
        """Who published it, and where it lies."""


def origin_of(published: Published) -> Origin:
    """Where a sample or a checkpoint comes from."""
    return Origin(published.name, published.licence, published.citation, published.provenance)


def write_part(part: Part, folder: Path) -> Path:
    """Write the record of a part into a folder; one of an earlier demo is replaced.

    Raises:
        OutputError: The disk does not take the file.
    """
    path = record_path(part.name, folder)
    content = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(part)}
    write_bytes(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    return path


def read_parts(folder: Path) -> list[Part]:
    """The records of all parts that lie in a folder, in the order of the page.

    Raises:
        InputError: A file is no record of a demo, or a file that it names is missing.
    """
    paths = [record_path(name, folder) for name in PARTS]
    return [_read(path) for path in paths if path.is_file()]


def _read(path: Path) -> Part:
    """The record in a file, whose files are there."""
    advice = "run the demo again, or remove it"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError("not an object of JSON")  # noqa: TRY301
        if (content.pop("format"), content.pop("version")) != (FORMAT, VERSION):
            raise ValueError("of another format or version")  # noqa: TRY301
        part = _part(content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is no record of this demo: {error} ({advice})") from error
    for name in part.files:
        if not NAME.fullmatch(name):
            raise InputError(f"{path} names a file that does not lie beside it: {name} ({advice})")
        if not (path.parent / name).is_file():
            raise InputError(f"{path} names {name}, which is not beside it ({advice})")
    return part


def _part(content: dict[str, Any]) -> Part:
    """A part from the values of JSON.

    Raises:
        TypeError: A field is missing or unknown.
    """
    if content["name"] not in PARTS:
        raise ValueError(f"no part of the demo: {content['name']}")
    table = content["table"]
    kinds = {
        "pictures": Picture,
        "gallery": Picture,
        "figures": Figure,
        "outputs": Output,
        "origins": Origin,
    }
    lists = {name: tuple(kind(**one) for one in content[name]) for name, kind in kinds.items()}
    texts = {name: tuple(content[name]) for name in ("text", "commands")}
    if table is not None:
        rows = tuple(tuple(row) for row in table["rows"])
        table = Table(tuple(table["columns"]), rows, table["note"])
    return Part(**{**content, **lists, **texts, "table": table})
