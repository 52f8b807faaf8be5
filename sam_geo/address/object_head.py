"""Facts of a file on a server, of an object in a storage too: its size, its ETag and its date."""

from __future__ import annotations

import os
import re
from typing import Any

from sam_common.errors import InputError
from sam_common.support.addresses import public_name
from sam_geo.address.http_head import validators


def object_url(name: str) -> str | None:
    """Find the address of the object that GDAL reads for a name; None for other kinds of names.

    >>> object_url("/vsis3/bucket/a.tif"), object_url("s3://bucket/a.tif")
    ('s3://bucket/a.tif', 's3://bucket/a.tif')
    >>> object_url("https://example.org/a.tif") is None
    True
    """
    found = re.fullmatch(r"(?:s3://|/vsis3(?:_streaming)?/)([^/?]+/[^?]+)", name)
    return None if found is None else f"s3://{found[1]}"


def remote_facts(name: str) -> dict[str, Any]:
    """Ask a server or a storage for size, ETag and date of a file.

    Args:
        name: Name that GDAL opens, with an http(s) address in it, or one of S3.

    Returns:
        `bytes` where the size is told, `etag` and `last_modified`, at least one of the latter two.

    Raises:
        InputError: The name has no such address, or the facts cannot be had.
    """
    url = object_url(name)
    if url is None:
        return validators(name)
    shown = public_name(url)
    is_open = os.environ.get("AWS_NO_SIGN_REQUEST", "NO").upper() in {"YES", "TRUE", "ON", "1"}
    try:
        # only where there is such an address
        from fsspec.core import url_to_fs  # noqa: PLC0415

        # of its own: one that is shared keeps old credentials
        system, path = url_to_fs(url, anon=is_open, skip_instance_cache=True)
        known = system.info(path)
    except ImportError as error:
        raise InputError(
            f'{shown} does not tell its date without a library: pip install "sam-geomed[s3]"'
        ) from error
    except Exception as error:  # each library of a storage has errors of its own
        # without the reason, which may repeat the address
        raise InputError(f"the storage of {shown} does not tell its date") from error
    facts = {"bytes": known.get("size"), "etag": known.get("ETag")}
    if (date := known.get("LastModified")) is not None:
        facts["last_modified"] = date.isoformat()
    if facts["etag"] is None and date is None:
        raise InputError(f"the storage of {shown} tells neither an ETag nor a date of it")
    return {key: value for key, value in facts.items() if value is not None}
