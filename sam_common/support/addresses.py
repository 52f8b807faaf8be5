"""Addresses: what a file on a server is called, and the form of it that may be shown and kept.

```
https://user:secret@host/a.tif?X-Amz-Signature=...   what is opened
https://host/a.tif                                   what records, messages and identities say
```
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECIAL = re.compile(r"/vsi|[\w+.-]{2,}:")
"""GDAL's virtual files, URLs, and subdatasets such as `NETCDF:file.nc:band`."""
REMOTE = re.compile(
    r"\b(https?|ftp|s3|gs|az|oss):/{1,2}|/vsi(curl|s3|gs|az|adls|oss|swift|webhdfs|hdfs)(_streaming)?[/?]",
    re.IGNORECASE,
)
"""What is read over a network, at any place of a chain such as `/vsizip//vsicurl/`."""

_CHARACTER = r"[^\s'\"<>]"
_END = r"(?=[:,.;)]*(?:[\s'\"<>]|$))"
"""A query ends before the punctuation of the sentence that it stands in."""
_URL = re.compile(
    rf"(?P<scheme>\b[a-z][a-z0-9+.-]+)(?P<slashes>:/{{1,2}})(?:[^\s/'\"<>]*@)?(?P<rest>[^\s'\"<>?#]*)"
    rf"(?:[?#]{_CHARACTER}*?{_END})?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"/vsi\w|[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
"""A `Path` has one slash of two."""
_CURL_OPTIONS = re.compile(rf"(?P<prefix>/vsi\w+)\?(?P<options>{_CHARACTER}*)")
_QUERY = re.compile(rf"\?[^\s'\"<>?/=]+={_CHARACTER}*?{_END}")
"""Of a name without its scheme, as some drivers repeat it."""
_VIRTUAL = "vrt://"
_PASSWORD = re.compile(
    rf"(?i)\b(password|passwd|pwd|user|token|access_token|api_?key|secret|signature|sig)=(?!\*){_CHARACTER}+"
)


def exists(name: str) -> bool:
    """Whether there is such a file or folder; a name that is too long for one is no error."""
    return os.path.exists(name)  # noqa: PTH110 - Path.exists raises on signed addresses


def is_file_name(name: str) -> bool:
    """Whether a name is that of a file or folder, there or not; else GDAL makes sense of it."""
    return exists(name) or not SPECIAL.match(name)


def is_remote(name: str) -> bool:
    """Whether something is read over a network."""
    return not exists(name) and REMOTE.search(name) is not None


def public_name(name: str | os.PathLike[str]) -> str:
    """A name without what may be a secret in it: user, password and query of an address.

    Names of files stay as they are. What cannot be written as UTF-8 is escaped.

    >>> public_name("/vsicurl/https://me:word@example.org/a.tif?sig=abc")
    '/vsicurl/https://example.org/a.tif'
    >>> public_name("/vsicurl?max_retry=3&url=https%3A%2F%2Fexample.org%2Fa.tif%3Fsig%3Dabc")
    '/vsicurl/https://example.org/a.tif'
    >>> public_name("s3://bucket/a.tif?versionId=3")
    's3://bucket/a.tif'
    """
    text = os.fsdecode(name)
    if is_file_name(text):
        return printable(text)
    # of a name it is known where it ends, blanks or not
    place, mark, query = text.partition("?")
    place = re.sub(r"(:/{1,2})[^/]*@", r"\1", place)
    return scrubbed(place + mark + re.sub(r"[\s'\"<>]", "_", query))


def is_address(name: str | os.PathLike[str]) -> bool:
    """Whether something is no file of this disk by its name, such as `https://` or `/vsicurl/`.

    >>> is_address("https://example.org/a.gpkg"), is_address("C:/a.gpkg"), is_address("a:b.gpkg")
    (True, False, False)
    """
    text = os.fsdecode(name)
    return _ADDRESS.match(text) is not None and not exists(text)


def scrubbed(text: str, name: str = "") -> str:
    """A text, such as a message of GDAL, without secrets of the addresses in it.

    Args:
        text: Any text, on one line or several.
        name: What was opened: its own query and password are removed wherever they stand.

    Returns:
        One line.

    >>> scrubbed("a.tif?sig=abc: HTTP error 403 of https://me:word@example.org/a.tif?sig=abc")
    'a.tif: HTTP error 403 of https://example.org/a.tif'
    """
    if name and not exists(name):
        for secret in sorted(_secrets(name), key=len, reverse=True):
            text = text.replace(secret, "")
    text = _CURL_OPTIONS.sub(_without_options, text)
    text = _URL.sub(_without_query, text)
    if _VIRTUAL not in text:
        text = _QUERY.sub("", text)
    text = _PASSWORD.sub(r"\1=***", text)
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    r"""A text that any terminal and any JSON file can hold, on one line.

    >>> printable("a\udcff\n.tif")
    'a\\udcff\\x0a.tif'
    """
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", plain)


def _without_query(found: re.Match[str]) -> str:
    if found["scheme"].lower() == "vrt":
        # what follows its "?" says which bands are read, and is no secret
        return found[0] if not REMOTE.search(found[0]) else _VIRTUAL + scrubbed(found["rest"])
    return f"{found['scheme']}{found['slashes']}{found['rest']}"


def _without_options(found: re.Match[str]) -> str:
    url = parse_qs(found["options"]).get("url", [""])[0]
    return f"{found['prefix']}/{url}"


def _secrets(name: str) -> Iterator[str]:
    """Parts of an address that are not shown, as they are written and decoded."""
    options = _CURL_OPTIONS.search(name)
    if options is not None:
        yield from _secrets(_without_options(options))
    _, query, rest = name.partition("?")
    if query and len(rest) > 1 and not name.startswith(_VIRTUAL):
        yield from {f"?{rest}", rest, f"?{unquote(rest)}", unquote(rest)}
    if (user := re.search(r":/{1,2}([^/]*)@", name)) is not None:
        yield from {f"{user[1]}@", f"{unquote(user[1])}@"}
        password = user[1].partition(":")[2]
        # a word as short as "a" is no secret, and would punch holes into messages
        yield from {part for part in (password, unquote(password)) if len(part) > 3}  # noqa: PLR2004
