"""What a server says of a file: its size, its ETag and its date."""

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
"""For the connection and for the answer."""


def http_url(name: str) -> str | None:
    """The http(s) address that a name of GDAL reads from; None where it is another kind.

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
    """Size, ETag and date of a remote file, by a request for its first byte.

    A request for a byte, not HEAD, which signed addresses do not allow.

    Raises:
        InputError: The server does not answer, or says nothing by which a change would show.
    """
    shown = public_name(name)
    url = http_url(name)
    if url is None:
        raise InputError(f"{shown} is on a server that is not asked for its date")
    try:
        with urllib.request.urlopen(_request(url), timeout=TIMEOUT_S) as answer:  # noqa: S310 - http(s) only, see http_url
            headers = answer.headers
    except (OSError, HTTPException, ValueError):
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
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    plain = urlunsplit((parts.scheme, host, path, parts.query, ""))
    request = urllib.request.Request(plain, headers={"Range": "bytes=0-0"})  # noqa: S310 - as above
    if user:
        word = base64.b64encode(unquote(user).encode()).decode()
        # not to the server that this one may refer to
        request.add_unredirected_header("Authorization", f"Basic {word}")
    return request
