"""Addresses: names of files on servers, and the part of them that may be shown and recorded.

```
https://user:secret@host/a.tif?X-Amz-Signature=...   the address that is opened
https://host/a.tif                                   its public name, for records and messages
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
"""Beginnings of names that GDAL interprets: virtual files, URLs, and subdatasets such as
`NETCDF:file.nc:band`."""
REMOTE = re.compile(
    r"\b(https?|ftp|s3|gs|az|oss):/{1,2}|/vsi(curl|s3|gs|az|adls|oss|swift|webhdfs|hdfs)(_streaming)?[/?]",
    re.IGNORECASE,
)
"""Parts of names that are read over a network, anywhere in a chain such as `/vsizip//vsicurl/`."""

REFUSALS = (
    "expired", "forbidden", "access denied", "accessdenied", "credential", "invalidaccesskeyid",
    "access key", "access_key", "signature", "unauthorized", "401", "403",
)  # fmt: skip
"""Words by which libraries say that the credentials of an address are wrong, missing or too old."""

_CHARACTER = r"[^\s'\"<>]"
_END = r"(?=[:,.;)]*(?:[\s'\"<>]|$))"
"""End of a query: before the punctuation of the sentence in which the address stands."""
_URL = re.compile(
    rf"(?P<scheme>\b[a-z][a-z0-9+.-]+)(?P<slashes>:/{{1,2}})(?:[^\s/'\"<>]*@)?(?P<rest>[^\s'\"<>?#]*)"
    rf"(?:[?#]{_CHARACTER}*?{_END})?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"/vsi\w|[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
"""Beginning of an address; one slash is enough, as a `Path` drops the second one."""
_CURL_OPTIONS = re.compile(rf"(?P<prefix>/vsi\w+)\?(?P<options>{_CHARACTER}*)")
_QUERY = re.compile(rf"\?[^\s'\"<>?/=]+={_CHARACTER}*?{_END}")
"""Query of an address without its scheme, as some drivers repeat it in messages."""
_VIRTUAL = "vrt://"
_PASSWORD = re.compile(
    rf"(?i)\b(password|passwd|pwd|user|token|access_token|api_?key|secret|signature|sig)=(?!\*){_CHARACTER}+"
)


def exists(name: str) -> bool:
    """Whether a file or folder of this name exists; False for names too long for any file."""
    return os.path.exists(name)  # noqa: PTH110 - Path.exists raises on signed addresses


def is_file_name(name: str) -> bool:
    """Whether a name is a path, existing or not, rather than a name that GDAL interprets."""
    return exists(name) or not SPECIAL.match(name)


def is_remote(name: str) -> bool:
    """Whether a name is read over a network."""
    return not exists(name) and REMOTE.search(name) is not None


def is_refusal(text: str) -> bool:
    """Whether the message of a library says that credentials are wrong, missing or too old.

    >>> is_refusal("The provided token has expired."), is_refusal("connection reset")
    (True, False)
    """
    return any(word in text.lower() for word in REFUSALS)


def public_name(name: str | os.PathLike[str]) -> str:
    """A name without possible secrets: without user, password and query of an address.

    Paths stay as they are. Characters that cannot be written as UTF-8 are escaped.

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
    # a name ends where the string ends, even if it holds blanks
    place, mark, query = text.partition("?")
    place = re.sub(r"(:/{1,2})[^/]*@", r"\1", place)
    return scrubbed(place + mark + re.sub(r"[\s'\"<>]", "_", query))


def is_address(name: str | os.PathLike[str]) -> bool:
    """Whether a name is an address, such as `https://` or `/vsicurl/`, and no file of this disk.

    >>> is_address("https://example.org/a.gpkg"), is_address("C:/a.gpkg"), is_address("a:b.gpkg")
    (True, False, False)
    """
    text = os.fsdecode(name)
    return _ADDRESS.match(text) is not None and not exists(text)


def scrubbed(text: str, name: str = "") -> str:
    """Remove the secrets of addresses from a text, such as a message of GDAL.

    Args:
        text: Any text, on one line or several.
        name: The address that was opened, whose query and password are removed wherever they
            occur.

    Returns:
        The text on one line.

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
    r"""A text on one line, with every character escaped that terminals or JSON cannot show.

    >>> printable("a\udcff\n.tif")
    'a\\udcff\\x0a.tif'
    """
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", plain)


def _without_query(found: re.Match[str]) -> str:
    """The replacement of a `_URL`."""
    if found["scheme"].lower() == "vrt":
        # the query of a vrt address tells which bands are read, and is no secret
        return found[0] if not REMOTE.search(found[0]) else _VIRTUAL + scrubbed(found["rest"])
    return f"{found['scheme']}{found['slashes']}{found['rest']}"


def _without_options(found: re.Match[str]) -> str:
    """The replacement of `_CURL_OPTIONS`: of all options, only the address is kept."""
    url = parse_qs(found["options"]).get("url", [""])[0]
    return f"{found['prefix']}/{url}"


def _secrets(name: str) -> Iterator[str]:
    """The secret parts of an address, both as written and percent-decoded."""
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
