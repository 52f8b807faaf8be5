"""Access: a GDAL dataset that several threads read from, and that is reopened after every error.

```
read -> error -> dataset closed -> reopened -> read -> error -> InputError
                                                       the next read opens it once more
```
A dataset that failed once is not to be trusted: GDAL answers a second read of a VRT with zeros
where a source is missing, and keeps the received part of a block whose transfer broke off.
"""

from __future__ import annotations

import os
import re
import threading
import time
import warnings
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError

from sam_common.errors import InputError
from sam_common.support.addresses import (
    is_file_name,
    is_refusal,
    is_remote,
    public_name,
    scrubbed,
)
from sam_geo.address.confined import open_dataset
from sam_geo.address.cut_files import check_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")

CONNECT_S, SILENCE_S, REQUEST_S = 10, 20, 300
"""Time limits of a request to a server, in seconds: until it is connected, for a transfer that
stays below `LEAST_RATE`, and for the whole request."""
LEAST_RATE = 100
"""Bytes a second; a transfer that is slower for `SILENCE_S` is given up."""
MOST_SILENCES = 3
"""Reads in a row that may run into a time limit; all later reads fail at once."""
CACHE_BYTES = 128 * 2**20
"""Size of GDAL's block cache. By default it takes 5 % of the machine's memory, but each window is
read once only."""
_SILENCING = threading.Lock()
"""Held while warning filters are changed, because they belong to the whole process."""
UNKNOWN_FORMAT = "not recognized as being in a supported file format"
"""Part of GDAL's message where no driver recognises a file."""
WAKE_S = 0.5
"""Seconds after which the waiting main thread wakes up to notice Ctrl-C."""

EXACT_OPTIONS: Mapping[str, str] = {
    # threads of a VRT swallow the error of a lost source, and give zeros in its place
    "VRT_NUM_THREADS": "1",
    "GTI_NUM_THREADS": "1",
    # GDAL's fast path for whole PNG files gives noise where a file is cut off
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
    # fetched bytes are dropped together with the dataset that fetched them
    "CPL_VSIL_CURL_NON_CACHED": ":".join(
        f"/vsi{kind}{end}"
        for kind in ("curl", "s3", "gs", "az", "adls", "oss", "swift", "webhdfs")
        for end in "/?"
    ),
}
"""GDAL's settings without which an error can look like a result; users cannot change them."""
OPTIONS: Mapping[str, str | int] = {
    "GDAL_CACHEMAX": CACHE_BYTES,
    # also of a local file: the sources of a VRT may lie on a server
    "GDAL_HTTP_CONNECTTIMEOUT": str(CONNECT_S),
    "GDAL_HTTP_LOW_SPEED_TIME": str(SILENCE_S),
    "GDAL_HTTP_LOW_SPEED_LIMIT": str(LEAST_RATE),
    "GDAL_HTTP_TIMEOUT": str(REQUEST_S),
    "GDAL_HTTP_MAX_RETRY": "2",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIRANGE": "YES",
}
"""GDAL's settings that an environment variable or a `rasterio.Env` of the user can change."""
REMOTE_OPTIONS: Mapping[str, str] = {
    # no listing of the remote folder to look for side files
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "VSI_CACHE": "TRUE",
}
"""Further settings for rasters on servers; users can change them too."""

OBJECTS = re.compile(r"\b(s3|gs|az|oss)://|/vsi(s3|gs|az|adls|oss)(_streaming)?/", re.IGNORECASE)
"""Parts of names of objects in a storage, which wants credentials."""
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Environment variables by which other libraries find a storage that is not Amazon's."""

ACCESS_ERRORS = (RasterioError, CPLE_BaseError, OSError)
"""Errors of GDAL and rasterio on a damaged file or a lost connection."""
OPEN_ERRORS = (*ACCESS_ERRORS, ValueError, TypeError, SystemError)
"""Errors of opening a raster: `ACCESS_ERRORS`, and those of rasterio on names and metadata that it
cannot decode."""


class RasterFile:
    """A dataset that is opened when it is first used, and reopened after an error.

    Threads take turns in using it.

    Args:
        name: Name that GDAL opens.
    """

    def __init__(self, name: str) -> None:
        self._name = os.path.abspath(name) if is_file_name(name) else name  # noqa: PTH100 - not a Path yet
        self._shown = public_name(name)
        self._options = _options(name)
        self._lock = threading.Lock()
        self._dataset: Any = None
        self._is_closed = False
        self._silences = 0

    def use(self, work: Callable[[Any], T]) -> T:
        """Call `work` with the open dataset; where it fails, once more with a reopened dataset.

        A dead server must not hold up every window of a job: a failure after `SILENCE_S` or
        longer is not tried again, and after `MOST_SILENCES` of them in a row every call fails at
        once.

        In the main thread the work runs in a thread of its own, so that Ctrl-C is noticed while a
        server does not answer. The interrupted read ends by itself, at the latest with the time
        limits.

        Args:
            work: Reads from the dataset of rasterio that it gets.

        Returns:
            The result of `work`.

        Raises:
            InputError: The dataset cannot be opened; the message has no secrets of its address.
            rasterio.errors.RasterioError: `work` raised it twice; OSError and GDAL's own errors
                are raised as they are.
        """
        if threading.current_thread() is not threading.main_thread():
            return self._tried(work)
        done: Future[T] = Future()
        threading.Thread(target=self._fulfil, args=(done, work), name="raster").start()
        while not wait([done], timeout=WAKE_S).done:
            pass
        return done.result()

    def __reduce__(self) -> tuple[type[RasterFile], tuple[str]]:
        return RasterFile, (self._name,)

    def close(self) -> None:
        """Close the dataset; where a read is still under way, at the end of that read."""
        self._is_closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._lock.release()

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Apply GDAL's settings of this file in the current thread, until the block ends."""
        with rasterio.Env(**self._options):
            yield

    def _fulfil(self, done: Future[T], work: Callable[[Any], T]) -> None:
        """Run `work`, and put its result or its error into a future."""
        try:
            done.set_result(self._tried(work))
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            done.set_exception(error)

    def _tried(self, work: Callable[[Any], T]) -> T:
        """Run `work`, and a second time where the first failed before the time limit."""
        with self.settings():
            start = time.monotonic()
            try:
                return self._once(work)
            except (InputError, *ACCESS_ERRORS) as error:
                is_silence = time.monotonic() - start >= SILENCE_S
                self._silences += is_silence
                if is_silence or isinstance(error, InputError):
                    raise
            return self._once(work)

    def _once(self, work: Callable[[Any], T]) -> T:
        """Run `work` with the dataset while no other thread does; drop it where that fails."""
        with self._lock:
            try:
                if self._silences >= MOST_SILENCES:
                    raise RasterioIOError(f"no answer for {self._silences} times, not asked again")
                if self._dataset is None:
                    self._dataset = self._opened()
                result = work(self._dataset)
            except ACCESS_ERRORS:
                self._drop()
                raise
            else:
                self._silences = 0
                return result
            finally:
                if self._is_closed:
                    self._drop()

    def _drop(self) -> None:
        """Close the dataset where it is open; the caller holds the lock."""
        if self._dataset is not None:
            self._dataset.close()
            self._dataset = None

    def _opened(self) -> Any:
        """Open the dataset; its errors become an `InputError`."""
        try:
            return silent_open(self._name)
        except OPEN_ERRORS as error:
            # without the cause: GDAL repeats the address with its secrets
            raise InputError(self._refusal(error)) from None

    def _refusal(self, error: BaseException) -> str:
        """Word the message for a dataset that cannot be opened."""
        if isinstance(error, UnicodeError):
            return (
                f"the name of {self._shown}, or a text in it, is not UTF-8: rename it, or convert "
                f"the file"
            )
        reason = reason_of(error, self._name)
        if UNKNOWN_FORMAT in reason and not is_remote(self._name):
            return f"not a raster that GDAL can read: {self._shown}"
        return f"cannot open {self._shown}: {reason}"


def silent_open(name: str) -> Any:
    """Open a dataset of rasterio without its warning that there is no geotransform.

    Args:
        name: Name that GDAL opens.

    Raises:
        rasterio.errors.RasterioError: The dataset cannot be opened, or a file of it is cut off
            (see `check_whole`); further errors are listed in `OPEN_ERRORS`.
        InputError: The raster lies in a confined folder (see `sam_geo.address.confined`), and
            names files elsewhere.
    """
    with _SILENCING, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        dataset = open_dataset(Path(name) if is_file_name(name) else name)
    try:
        check_whole(dataset)
    except BaseException:
        dataset.close()
        raise
    return dataset


def reason_of(error: BaseException, name: str = "") -> str:
    """Give GDAL's message of an error on one line and without secrets.

    Args:
        error: The error of rasterio, whose cause is GDAL's own.
        name: Name that GDAL opened, whose secrets are removed.
    """
    reason = scrubbed(str(error.__cause__ or error), name).rstrip(".") or type(error).__name__
    if OBJECTS.search(name) and is_refusal(reason):
        return (
            f"{reason}; its credentials are wrong, missing or have expired: renew those of this "
            f"process and of every worker, and run it again"
        )
    return reason


def _options(name: str) -> dict[str, Any]:
    """Collect GDAL's settings for a raster, with those of the user in their place."""
    remote = {**REMOTE_OPTIONS, **_storage_options()} if is_remote(name) else {}
    wanted = {**OPTIONS, **remote}
    # rasterio.Env takes no credentials as options: its session reads them from the environment
    given = rasterio.env.getenv() if rasterio.env.hasenv() else {}
    given = {key: value for key, value in given.items() if not key.startswith("AWS_")}
    ours = {key: value for key, value in wanted.items() if key not in os.environ}
    return {**ours, **given, **EXACT_OPTIONS}


def _storage_options() -> dict[str, str]:
    """Say to GDAL where a storage is and who asks, as other libraries are told by variables."""
    found = {}
    if file := os.environ.get("AWS_SHARED_CREDENTIALS_FILE"):
        found["CPL_AWS_CREDENTIALS_FILE"] = file
    endpoint = next(filter(None, map(os.environ.get, ENDPOINTS)), None)
    if endpoint is not None and "AWS_S3_ENDPOINT" not in os.environ:
        scheme, _, host = endpoint.rpartition("://")
        found["AWS_S3_ENDPOINT"] = host.rstrip("/")
        found["AWS_HTTPS"] = "NO" if scheme == "http" else "YES"
        # a host of its own for each bucket needs names that a server at home does not have
        found["AWS_VIRTUAL_HOSTING"] = "FALSE"
    return found
