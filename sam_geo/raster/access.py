"""Access: a dataset of GDAL that several threads read from, opened anew after every error.

```
read -> error -> closed, nothing kept of it -> opened anew -> read -> error -> InputError
                                                              the next read opens it anew again
```
A dataset that failed once is not to be trusted: GDAL answers a second read of a VRT with zeros
where a source is missing, and keeps what it has of a block that was cut off on its way.
"""

from __future__ import annotations

import os
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
from sam_common.support.addresses import is_file_name, is_remote, public_name, scrubbed
from sam_geo.address.confined import open_dataset
from sam_geo.address.cut_files import check_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")

CONNECT_S, SILENCE_S, REQUEST_S = 10, 20, 300
"""A server that does not answer is given up: after so long without a connection, without
`LEAST_RATE` bytes a second, and in all, in seconds."""
LEAST_RATE = 100
MOST_SILENCES = 3
"""Reads in a row that may fail after such a time; then all others fail at once."""
CACHE_BYTES = 128 * 2**20
"""GDAL would keep blocks in 5 % of the machine's memory; windows are read once."""
_SILENCING = threading.Lock()
"""Filters of warnings belong to the process: one thread at a time puts one and takes it away."""
UNKNOWN_FORMAT = "not recognized as being in a supported file format"
"""GDAL's words where no driver takes a file."""
WAKE_S = 0.5
"""An interrupt is heard after so long, also where waiting itself cannot be interrupted."""

EXACT_OPTIONS: Mapping[str, str] = {
    # threads of a mosaic keep the error of a lost source to themselves, and its place is zeros
    "VRT_NUM_THREADS": "1",
    "GTI_NUM_THREADS": "1",
    # GDAL's short way with whole PNG files gives noise where a file is cut off
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
    # what was fetched is forgotten with the dataset that fetched it
    "CPL_VSIL_CURL_NON_CACHED": ":".join(
        f"/vsi{kind}{end}"
        for kind in ("curl", "s3", "gs", "az", "adls", "oss", "swift", "webhdfs")
        for end in "/?"
    ),
}
"""GDAL's settings without which an error can look like a result."""
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
"""Others; a variable of the environment or a `rasterio.Env` with that name wins."""
REMOTE_OPTIONS: Mapping[str, str] = {
    # no listing of the folder to look for sidecar files
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "VSI_CACHE": "TRUE",
}
"""More of them for rasters at an address."""

ACCESS_ERRORS = (RasterioError, CPLE_BaseError, OSError)
"""What GDAL raises on a damaged file or a lost connection."""
OPEN_ERRORS = (*ACCESS_ERRORS, ValueError, TypeError, SystemError)
"""The same, and what rasterio raises on names and metadata that it cannot make text of."""


class RasterFile:
    """A dataset that is opened where it is needed; threads take turns.

    Args:
        name: As GDAL takes it.
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
        """What `work` makes of the open dataset; once more, of a new one, where that fails.

        What fails after `SILENCE_S` is not tried once more here, and what did so `MOST_SILENCES`
        times in a row is not tried at all: a dead server must not hold up every window of a job.

        In the main thread it waits for another thread, so that Ctrl-C is heard while a server
        does not answer; what was begun then ends by itself, at the latest with the time limits.

        Raises:
            InputError: It cannot be opened; the message has no secrets of its address.
            rasterio.errors.RasterioError: `work` raised it twice. OSError and GDAL's own errors
                come as they are.
        """
        if threading.current_thread() is not threading.main_thread():
            return self._tried(work)
        done: Future[T] = Future()
        threading.Thread(target=self._fulfil, args=(done, work), name="raster").start()
        while not wait([done], timeout=WAKE_S).done:
            pass
        return done.result()

    def close(self) -> None:
        """Let go of it; a read that is still under way does so at its end."""
        self._is_closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._lock.release()

    @contextmanager
    def settings(self) -> Iterator[None]:
        """GDAL's settings for what is done in this thread."""
        with rasterio.Env(**self._options):
            yield

    def _fulfil(self, done: Future[T], work: Callable[[Any], T]) -> None:
        try:
            done.set_result(self._tried(work))
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            done.set_exception(error)

    def _tried(self, work: Callable[[Any], T]) -> T:
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
        if self._dataset is not None:
            self._dataset.close()
            self._dataset = None

    def _opened(self) -> Any:
        try:
            return silent_open(self._name)
        except OPEN_ERRORS as error:
            # without the cause: GDAL repeats the address with its secrets
            raise InputError(self._refusal(error)) from None

    def _refusal(self, error: BaseException) -> str:
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
    """Open a dataset of rasterio; one without a geotransform is nothing to warn of.

    Raises:
        rasterio.errors.RasterioError: It cannot be opened, or a file of it is cut off (see
            `check_whole`); others are in `OPEN_ERRORS`.
        InputError: It lies in a confined folder, and names files elsewhere.
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
    """What GDAL says, on one line and without secrets."""
    return scrubbed(str(error.__cause__ or error), name) or type(error).__name__


def _options(name: str) -> dict[str, Any]:
    wanted = {**OPTIONS, **(REMOTE_OPTIONS if is_remote(name) else {})}
    # credentials are for a session of rasterio, which finds them in the environment itself
    given = rasterio.env.getenv() if rasterio.env.hasenv() else {}
    given = {key: value for key, value in given.items() if not key.startswith("AWS_")}
    ours = {key: value for key, value in wanted.items() if key not in os.environ}
    return {**ours, **given, **EXACT_OPTIONS}
