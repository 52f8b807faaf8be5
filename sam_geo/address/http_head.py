"""HTTP headers of a file on a server: its size, its ETag and its date of change."""

from __future__ import annotations

import base64
import re
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

from sam_common.errors import InputError
from sam_common.support.addresses import public_name

TIMEOUT_S = 10.0
"""Seconds for the connection and for each part of the answer."""


def http_url(name: str) -> str | None:
    """Find the http(s) address that GDAL reads from for a name; None for other kinds of names.

    >>> http_url("/vsicurl/https://example.org/a.tif?sig=abc")
    'https://example.org/a.tif?sig=abc'
    >>> http_url("s3://bucket/a.tif") is None
    True
    """
    if name.startswith("/vsicurl?"):
        name = parse_qs(name.partition("?")[2]).get("url", [""])[0]
    found = re.fullmatch(r"(?:/vsicurl(?:_streaming)?/)?(https?://.+)", name, re.IGNORECASE)
    return None if found is None else found[1]


def validators(name: str) -> dict[str, Any]:
    """Ask a server for size, ETag and date of a file, by a request for its first byte.

    Signed addresses allow no HEAD request.

    Args:
        name: Name that GDAL opens, with an http(s) address in it.

    Returns:
        `bytes` where the server tells the size, `etag` and `last_modified` (as HTTP has them),
        at least one of the latter two.

    Raises:
        InputError: The name has no http(s) address, the server does not answer, or it tells
            neither ETag nor date.
    """
    shown = public_name(name)
    url = http_url(name)
    if url is None:
        raise InputError(f"{shown} is on a server that is not asked for its date")
    try:
        with urllib.request.urlopen(_request(url), timeout=TIMEOUT_S) as answer:  # noqa: S310 - http(s) only, see http_url
            headers = answer.headers
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # a refusal holds its connection
        # without the reason, which may repeat the address
        raise InputError(f"the server of {shown} does not tell its date") from None
    total = re.search(r"/(\d+)$", headers.get("Content-Range", ""))
    size = total[1] if total else headers.get("Content-Length")
    known = {"etag": headers.get("ETag"), "last_modified": headers.get("Last-Modified")}
    known = {key: value for key, value in known.items() if value}
    if not known:
        raise InputError(f"the server of {shown} tells neither an ETag nor a date of it")
    return ({} if size is None else {"bytes": int(size)}) | known


def _request(url: str) -> urllib.request.Request:
    """Make a request for the first byte; user and password go into its header."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    plain = urlunsplit((parts.scheme, host, path, parts.query, ""))
    request = urllib.request.Request(plain, headers={"Range": "bytes=0-0"})  # noqa: S310 - as above
    if user:
        word = base64.b64encode(unquote(user).encode()).decode()
        # a server that this one redirects to must not get the password
        request.add_unredirected_header("Authorization", f"Basic {word}")
    return request
