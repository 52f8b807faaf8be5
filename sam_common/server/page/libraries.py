"""Libraries of the page: OpenLayers and NiiVue, as pinned files of npm packages.

They lie in `vendor/` beside this file, where `make setup` and the build of a wheel put them, else
in the cache folder, into which npm fetches them once.

python -m sam_common.server.page.libraries [--to FOLDER] [--from FILE] [NAME ...]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sam_common.errors import IntegrityError, SuiteError
from sam_common.published import cache
from sam_common.published.origins import NpmFiles
from sam_common.published.pinned_file import PinnedFile
from sam_common.support.cache_folder import cache_dir

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sam_common.published.pinned_file import PinnedFolder

VENDOR = Path(__file__).with_name("vendor")
"""Folder of the package that holds the libraries, where they are shipped with it."""
COMMAND = "python -m sam_common.server.page.libraries"
"""Command line of this module."""


@dataclass(frozen=True, slots=True)
class Library:
    """A library of the page, as an item of `sam_common.published.cache`."""

    name: str
    source: NpmFiles

    @property
    def files(self) -> tuple[PinnedFolder, ...]:
        """The folder of its files."""
        return self.source.files

    @property
    def sources(self) -> tuple[NpmFiles, ...]:
        """The npm package."""
        return (self.source,)

    @property
    def pull_command(self) -> str:
        """The command line that fetches the library."""
        return f"{COMMAND} {self.name}"


def registry() -> Mapping[str, Library]:
    """All libraries of the page by their names."""
    return _REGISTRY


def library_folder(name: str, *, vendor: Path = VENDOR, quiet: bool = False) -> Path:
    """The folder of a library, whose files are verified.

    Args:
        name: Name in `registry`.
        vendor: Folder of the package that is looked into first.
        quiet: Whether to show no notes on stderr.

    Raises:
        WeightsError: It lies neither in the package nor in the cache, and npm cannot fetch it; the
            message says which file to put where.
        IntegrityError: A file of the package is not the published one.
    """
    item = _REGISTRY[name]
    try:
        shipped = cache.find(item, vendor)
    except IntegrityError as error:
        raise IntegrityError(f"{error}; remove {vendor}, and it is fetched again") from error
    return shipped or cache.fetch(item, cache_dir() / "page", quiet=quiet)


def main(arguments: list[str] | None = None) -> int:
    """Fetch libraries into a folder; a message and 2 where one cannot be had."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Fetch the libraries of the page.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_REGISTRY))
    parser.add_argument("--to", type=Path, help="folder; the cache where not given")
    parser.add_argument("--from", dest="file", type=Path, help=".tgz that was fetched by hand")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in _REGISTRY]:
        parser.error(f"no library {unknown[0]} (known: {', '.join(_REGISTRY)})")
    if given.file is not None and len(given.names) != 1:
        parser.error("--from needs the NAME of the library")
    folder = given.to or cache_dir() / "page"
    try:
        for name in given.names or _REGISTRY:
            item = _REGISTRY[name]
            if given.file is not None:
                cache.adopt(item, given.file, folder)
            else:
                cache.fetch(item, folder)
    except SuiteError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


_REGISTRY: Mapping[str, Library] = MappingProxyType(
    {
        "ol": Library(
            "ol",
            NpmFiles(
                "ol",
                "10.10.0",
                PinnedFile(
                    "ol-10.10.0.tgz",
                    2739074,
                    "0180f4ddeffdd16f1a92dea86f463d943283fe1f33223712bc83fd3d7928d62e",
                ),
                (
                    (
                        "package/dist/ol.js",
                        PinnedFile(
                            "ol.js",
                            1043059,
                            "b89af8ec3b76f564d515fd07fed3ec414aecf8f33f685b77b607451cb0c2029f",
                        ),
                    ),
                    (
                        "package/ol.css",
                        PinnedFile(
                            "ol.css",
                            6343,
                            "abc8afd72cc10bd29cc143f443bae4a6804bd3cb3fb262e6b6a6bc6c924ea34f",
                        ),
                    ),
                    (
                        "package/LICENSE.md",
                        PinnedFile(
                            "LICENSE.md",
                            1337,
                            "6c4347b83a8c9feef18d57b18e3b6c44cf901b3c344a4a1fbd837e421555ab8e",
                        ),
                    ),
                ),
                "ol",
            ),
        ),
        "niivue": Library(
            "niivue",
            NpmFiles(
                "@niivue/niivue",
                "0.69.0",
                PinnedFile(
                    "niivue-niivue-0.69.0.tgz",
                    6809390,
                    "6e9a6a471b428eb3b258a0086beca9187d95e43a781a39e8a519c6da246af485",
                ),
                (
                    (
                        "package/dist/niivue.umd.js",
                        PinnedFile(
                            "niivue.js",
                            2284381,
                            "47b896b77ec4a5be3ef1949c33ad393b6f45629921f326c279000bcf51bdb4af",
                        ),
                    ),
                ),
                "niivue",
            ),
        ),
    }
)

if __name__ == "__main__":
    sys.exit(main())
