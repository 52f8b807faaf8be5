"""Archives: a zip of DICOM is unpacked into a private folder that lives as long as the program.

Names in an archive may name a patient, or lead out of the folder: members are written under
numbers instead. An archive that promises, or turns out, to be far larger than itself is refused.
"""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import InputError

if TYPE_CHECKING:
    from zipfile import ZipInfo

MAX_BYTES = 64 * 2**30
"""An archive may unpack to this many bytes …"""
MAX_RATIO = 200
"""… and to this many times its own size; DICOM seldom shrinks to less than a tenth."""
MAX_MEMBERS = 200_000
SMALL_BYTES = 64 * 2**20
"""Archives that unpack to less are harmless, whatever the ratio."""
CHUNK_BYTES = 2**20

_unpacked: dict[tuple[str, int, int], tempfile.TemporaryDirectory[str]] = {}


def unpack(path: Path) -> Path:
    """The folder of the members of a zip, unpacked once for each state of the file.

    The folder can be read by its owner only, and goes when the program ends.

    Raises:
        InputError: Damaged, encrypted, or suspiciously large when unpacked.
    """
    state = path.stat()
    key = (str(path.resolve()), state.st_mtime_ns, state.st_size)
    if key not in _unpacked:
        folder = tempfile.TemporaryDirectory(prefix="sam-med-")
        try:
            _extract(path, Path(folder.name), state.st_size)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            folder.cleanup()
            raise InputError("the zip archive is damaged: have it copied again") from error
        except RuntimeError as error:
            folder.cleanup()
            raise InputError("the zip archive is encrypted: unpack it first") from error
        except InputError:
            folder.cleanup()
            raise
        _unpacked[key] = folder
    return Path(_unpacked[key].name)


def _extract(path: Path, folder: Path, packed_bytes: int) -> None:
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        _check_size(members, packed_bytes)
        for number, info in enumerate(members, start=1):
            _write(archive, info, folder / f"{number:06d}")


def _check_size(members: list[ZipInfo], packed_bytes: int) -> None:
    total = sum(info.file_size for info in members)
    if len(members) > MAX_MEMBERS:
        raise InputError(f"the zip archive has {len(members)} members, more than {MAX_MEMBERS}")
    if total > MAX_BYTES or total > max(SMALL_BYTES, MAX_RATIO * packed_bytes):
        raise InputError(
            f"the zip archive of {packed_bytes} bytes would unpack to {total} bytes, which is "
            "suspicious: unpack it yourself if you trust it"
        )


def _write(archive: zipfile.ZipFile, info: ZipInfo, target: Path) -> None:
    """Write one member, but never more bytes than its entry promises."""
    written = 0
    with archive.open(info) as source, target.open("wb") as out:
        while chunk := source.read(CHUNK_BYTES):
            written += len(chunk)
            if written > info.file_size:
                raise InputError("a member of the zip archive is larger than it says: refused")
            out.write(chunk)
