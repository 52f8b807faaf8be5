"""Download of one file over http(s), continued where an earlier attempt stopped, and verified."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias, cast

from sam_common.errors import IntegrityError, WeightsError
from sam_common.support import console
from sam_common.support.addresses import public_name
from sam_common.support.files import writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.client import HTTPResponse
    from pathlib import Path

    from sam_common.published.pinned_file import PinnedFile

TIMEOUT_S = 5.0
"""Seconds for the connection and for each read: a closed network fails fast, and a transfer that
stalls is continued on a new connection."""
FRUITLESS_ATTEMPTS = 3
"""Consecutive connections without a byte after which a download is given up."""
BLOCK_BYTES = 1 << 17

Connect: TypeAlias = "Callable[[urllib.request.Request], HTTPResponse]"
"""A function that sends a request and returns the answer, with its own timeout, proxies and logins;
it raises `OSError` or `HTTPException` where there is none."""
connect_directly: Connect = partial(urllib.request.urlopen, timeout=TIMEOUT_S)
"""Connection by the proxies of the environment, for addresses that need no login."""


def download_pinned(
    url: str,
    pinned: PinnedFile,
    folder: Path,
    *,
    quiet: bool = False,
    connect: Connect = connect_directly,
) -> Path:
    """Download a published file into a folder, continuing `NAME.part` of an earlier attempt.

    Args:
        url: Address, http or https.
        pinned: Name, size and sha256 of the file.
        folder: Folder for the file, which gets its name after its sha256 was compared.
        quiet: Whether to show no progress bar.
        connect: Function that opens addresses.

    Returns:
        The file.

    Raises:
        WeightsError: If the server cannot be reached, refuses, or stops sending.
        OutputError: If the file cannot be written.
        IntegrityError: If the server's file is not the published one.
    """
    part = folder / f"{pinned.name}.part"
    resumed = part.exists()
    download(url, part, pinned.size_bytes, label=pinned.name, quiet=quiet, connect=connect)
    try:
        pinned.check(part, called=public_name(url))
    except IntegrityError:
        part.unlink()
        if not resumed:
            raise
        # the beginning of the earlier attempt may be wrong: once more from the first byte
        return download_pinned(url, pinned, folder, quiet=quiet, connect=connect)
    return part.replace(folder / pinned.name)


def download(
    url: str,
    part: Path,
    size_bytes: int,
    *,
    label: str,
    quiet: bool = False,
    connect: Connect = connect_directly,
) -> None:
    """Download the rest of a file: bytes that `part` holds already are kept and not fetched again.

    Only the size that the server announces is compared; the caller must verify the content.

    Args:
        url: Address, http or https.
        part: File to write to, which may hold the beginning of an earlier attempt.
        size_bytes: Size of the complete file.
        label: Text of the progress bar.
        quiet: Whether to show no progress bar.
        connect: Function that opens addresses.

    Raises:
        WeightsError: If the server cannot be reached, refuses, or stops sending.
        OutputError: If the file cannot be written.
        IntegrityError: If the server offers a file of another size.
    """
    if _size(part) > size_bytes:
        part.unlink()
    with console.progress(label, size_bytes, quiet=quiet, unit="bytes") as advance:
        advance(_size(part))
        fruitless = 0
        while (have := _size(part)) < size_bytes:
            reason = _attempt(url, part, size_bytes, advance, connect)
            if _size(part) > have:
                fruitless = 0
                continue
            fruitless += 1
            # only a transfer that had begun is continued, so that a closed network fails at once
            if have == 0 or fruitless == FRUITLESS_ATTEMPTS:
                raise WeightsError(f"{public_name(url)}: {reason}")


def _attempt(
    url: str, part: Path, size_bytes: int, advance: Callable[[int], None], connect: Connect
) -> str:
    """Append the bytes of one connection; return why it ended early, or "" if it did not."""
    have = _size(part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - registry URLs, hash-checked
    try:
        with connect(request) as response:
            start = _start_of(response, have, size_bytes)
            if start != have:
                advance(-have)
            with _opened(part, "ab" if start == have else "wb") as stream:
                _copy(response, stream, part, size_bytes, advance)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        return reason_of(error)
    except (OSError, HTTPException) as error:
        return reason_of(error)
    return "" if _size(part) == size_bytes else "the connection was cut"


def _start_of(response: HTTPResponse, have: int, size_bytes: int) -> int:
    """Offset in the file of the first byte of a response: 0 where the server ignores ranges."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if found is None:
            raise HTTPException("partial content without a range")
        start, total = int(found[1]), int(found[2])
        if start != have:
            raise HTTPException(f"asked for bytes from {have}, got them from {start}")
    else:
        start, total = 0, int(response.headers.get("Content-Length", size_bytes))
    if total != size_bytes:
        raise IntegrityError(
            f"{public_name(response.url)} offers {total:,} bytes, expected {size_bytes:,}"
        )
    return start


@contextmanager
def _opened(part: Path, mode: Literal["ab", "wb"]) -> Iterator[BinaryIO]:
    """Open a file without a buffer, so that errors occur in the write that causes them."""
    with writing(part):
        stream = cast("BinaryIO", part.open(mode, buffering=0))
    with stream:
        yield stream


def _copy(
    response: HTTPResponse,
    stream: BinaryIO,
    part: Path,
    size_bytes: int,
    advance: Callable[[int], None],
) -> None:
    """Append the body of a response to a file, at most to its full size."""
    while (wanted := size_bytes - stream.tell()) > 0:
        if not (block := response.read(min(BLOCK_BYTES, wanted))):
            break
        with writing(part):
            done = 0
            while done < len(block):
                done += stream.write(block[done:])
        advance(len(block))


def reason_of(error: OSError | HTTPException) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner) or type(inner).__name__


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
