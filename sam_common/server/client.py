"""Client of the local server: standard library and numpy alone, one file, Python 3.9 and later.

Hosts carry a copy of this file. Nothing here knows a model: pixels and prompts go out, masks come
back.

```python
with Client.start(roots=["/data"]) as client:
    session = client.open_raster("/data/field.tif")
    tree = session.add_object("tree")
    change = session.add_point(tree, (120.0, 80.0))
    mask = change.changed[0].masks[0]
    print(mask.window, mask.array.sum())
```
"""

from __future__ import annotations

import http.client
import io
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import (
    Any,
    Optional,
    Union,
    cast,
)
from urllib.parse import quote

import numpy as np

PROTOCOL = 1
LOG_LINES = 500
"""Last lines of the server's stderr that are kept."""
FOREIGN = (
    "PYTHON",
    "QT_",
    "LD_LIBRARY_PATH",
    "DYLD_",
    "GDAL_DATA",
    "GDAL_DRIVER_PATH",
    "PROJ_LIB",
    "PROJ_DATA",
    "VIRTUAL_ENV",
)
"""Beginnings of variables that a host sets for itself and that would mislead another Python."""
CLOSE_SECONDS = 10.0
REFUSED = 400
"""HTTP status from which an answer is a refusal."""
ENDED = ("done", "failed", "cancelled")

Numbers = Sequence[float]
Progress = Callable[[int, int, str], Optional[bool]]
"""Called with steps done, steps in all and what they are; False cancels."""


class ServerError(Exception):
    """What the server refused, or that it cannot be reached."""

    def __init__(self, message: str, *, status: int = 0, kind: str = "ConnectionError") -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; 0 where there was no answer."""
        self.kind = kind
        """Name of the error on the server."""


@dataclass(frozen=True)
class Mask:
    """A binary mask on a raster or on one slice of a volume."""

    window: tuple[tuple[int, ...], tuple[int, ...]]
    """Half-open start and stop, (row, col); (k, j, i) for a whole object of a volume."""
    counts: Optional[tuple[int, ...]] = None
    """Run lengths in column-major order, background first."""
    axis: Optional[int] = None
    """Of a volume: the array axis of its slice (0 is k, 1 is j, 2 is i)."""
    index: Optional[int] = None
    pixels: Optional[np.ndarray] = field(default=None, repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of the window."""
        return tuple(b - a for a, b in zip(*self.window))

    @property
    def array(self) -> np.ndarray:
        """The mask, boolean, of the window's shape."""
        if self.pixels is not None:
            return self.pixels
        runs = np.asarray(self.counts, dtype=np.int64)
        flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
        return np.ascontiguousarray(flat.reshape(self.shape[::-1]).T)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Mask:
        """As the server sends it."""
        return cls(
            _window(value["window"]) or ((0, 0), (0, 0)),
            tuple(value["counts"]),
            value.get("axis"),
            value.get("index"),
        )


@dataclass(frozen=True)
class Changed:
    """One object after a change."""

    object: str
    removed: bool
    masks: list[Mask]
    window: Optional[tuple[tuple[int, ...], tuple[int, ...]]]
    """What to draw anew: around the mask before and after."""
    score: Optional[float]
    confidence: Optional[float]
    status: str
    """ok, empty, outside, nodata or no_prompt."""
    area: int
    """Pixels or voxels."""


@dataclass(frozen=True)
class Change:
    """What an edit, an undo or a redo has changed."""

    cursor: int
    can_undo: bool
    can_redo: bool
    changed: list[Changed]
    seconds: dict[str, float]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Change:
        """As the server sends it."""
        changed = [
            Changed(
                one["object"],
                one["removed"],
                [Mask.from_json(mask) for mask in one["masks"]],
                _window(one["window"]),
                one["score"],
                one["confidence"],
                one["status"],
                one["area"],
            )
            for one in value["changed"]
        ]
        return cls(value["cursor"], value["can_undo"], value["can_redo"], changed, value["seconds"])


class _OfThread:
    """The connection of a thread, which is closed when the thread has ended."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection
        weakref.finalize(self, connection.close)


class Connection:
    """Requests to one server; each thread has a connection of its own, open while it lives."""

    def __init__(self, port: int, token: str, host: str, timeout: float) -> None:
        self.port = port
        self.token = token
        self.host = host
        self.timeout = timeout
        self._local = threading.local()
        self._all: weakref.WeakSet[_OfThread] = weakref.WeakSet()
        self._lock = threading.Lock()

    def json(self, method: str, path: str, body: Optional[Any] = None) -> Any:
        """Send and receive JSON."""
        data = None if body is None else json.dumps(body).encode()
        answer, _ = self.exchange(method, path, data, "application/json")
        return json.loads(answer)

    def exchange(
        self,
        method: str,
        path: str,
        body: Optional[bytes] = None,
        content_type: str = "application/octet-stream",
    ) -> tuple[bytes, Mapping[str, str]]:
        """The body and the headers of an answer.

        Raises:
            ServerError: The server refused, or cannot be reached.
        """
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        response, content = self._request(method, path, body, headers)
        if response.status >= REFUSED:
            raise _refusal(response.status, content)
        return content, dict(response.getheaders())

    def stream(self, path: str) -> Iterator[tuple[str, Any]]:
        """Server-sent events as (kind, data), on a connection of their own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            response = connection.getresponse()
            if response.status >= REFUSED:
                raise _refusal(response.status, response.read())
            kind = ""
            for line in response:
                text = line.decode().rstrip("\r\n")
                if text.startswith("event: "):
                    kind = text[len("event: ") :]
                elif text.startswith("data: "):
                    yield kind, json.loads(text[len("data: ") :])
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(f"the connection to the server broke: {error}") from error
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for each in list(self._all):
                each.connection.close()
            self._all.clear()
        self._local = threading.local()

    def _request(
        self, method: str, path: str, body: Optional[bytes], headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = self._connection()
        if connection.sock is not None and _is_readable(connection.sock):
            # nothing is due: the server has closed what was idle for long
            connection.close()
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return response, response.read()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            connection.close()
            size = "" if body is None else f" (of a request of {len(body)} bytes)"
            raise ServerError(f"the server closed the connection{size}: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ServerError(f"the server cannot be reached: {error}") from error

    def _connection(self) -> http.client.HTTPConnection:
        known: Optional[_OfThread] = getattr(self._local, "known", None)
        if known is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
            known = self._local.known = _OfThread(connection)
            with self._lock:
                self._all.add(known)
        return known.connection


class Client:
    """A server, and all that is asked of it.

    Args:
        port: As in the server's first line.
        token: As in the server's first line.
        host: Where it runs.
        timeout: Seconds to wait for an answer; a first click has to load and run a network.
    """

    def __init__(
        self, port: int, token: str, host: str = "127.0.0.1", timeout: float = 300
    ) -> None:
        self.connection = Connection(port, token, host, timeout)
        self.hello: dict[str, Any] = {"port": port}
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._reader: Optional[threading.Thread] = None

    @classmethod
    def start(
        cls,
        command: Optional[Sequence[str]] = None,
        *,
        roots: Sequence[Union[str, os.PathLike]] = (),  # type: ignore[type-arg]
        models: Sequence[str] = (),
        env: Optional[Mapping[str, str]] = None,
        timeout: float = 300,
    ) -> Client:
        """Start a server; it ends with `close`, or when this process ends.

        Args:
            command: What starts it, options of its own included; `python -m sam_common.cli serve`
                of this Python where not given.
            roots: Folders from which it may open files.
            models: Models to load at once.
            env: Variables over those of this process, which are cleaned of a host's own.
            timeout: Seconds for each answer, and for the first line.

        Raises:
            ServerError: It does not start; the message ends with its last lines.
        """
        argv = list(command or [sys.executable, "-m", "sam_common.cli", "serve"])
        argv.append("--watch-stdin")
        for root in roots:
            argv += ["--root", os.fspath(root)]
        for model in models:
            argv += ["--model", model]
        clean = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        clean.update(env or {})
        hidden = {"creationflags": 0x08000000} if sys.platform == "win32" else {}
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=clean,
                **hidden,  # type: ignore[call-overload]
            )
        except OSError as error:
            raise ServerError(f"cannot start {argv[0]}: {error.strerror}") from error
        client = cls(0, "", timeout=timeout)
        client._adopt(process)
        return client

    def close(self) -> None:
        """Close the connections, and end the server where this client started it."""
        self.connection.close()
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader is not None:
            self._reader.join(CLOSE_SECONDS)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Client:
        """Nothing to prepare."""
        return self

    def __exit__(self, *_failure: object) -> None:
        """Close."""
        self.close()

    def log_lines(self) -> list[str]:
        """The last lines that the server wrote to stderr."""
        return list(self._lines)

    @property
    def is_running(self) -> bool:
        """Whether the server that this client started is there."""
        return self._process is not None and self._process.poll() is None

    def health(self) -> dict[str, Any]:
        """State, version and memory of the server."""
        return self._dict("GET", "/v1/health")

    def models(self) -> list[dict[str, Any]]:
        """Models by name, what they take and whether they are here."""
        found: list[dict[str, Any]] = self.connection.json("GET", "/v1/models")
        return found

    def sessions(self) -> list[dict[str, Any]]:
        """All sessions of the server."""
        found: list[dict[str, Any]] = self.connection.json("GET", "/v1/sessions")
        return found

    def upload(self, array: np.ndarray) -> str:
        """Send an array; gives its name on the server."""
        file = io.BytesIO()
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        answer, _ = self.connection.exchange("POST", "/v1/uploads", file.getvalue())
        return str(json.loads(answer)["upload"])

    def open_raster(
        self,
        path: Union[str, os.PathLike],  # type: ignore[type-arg]
        model: str = "mobile_sam",
        *,
        bands: Optional[Sequence[int]] = None,
        stretch: Optional[str] = None,
    ) -> RasterSession:
        """A session on a raster file, which must lie in one of the server's roots."""
        asked = {
            "kind": "raster",
            "path": os.fspath(path),
            "model": model,
            "bands": None if bands is None else list(bands),
            "stretch": stretch,
        }
        return RasterSession(self, self._dict("POST", "/v1/sessions", asked))

    def open_raster_array(
        self,
        array: np.ndarray,
        *,
        affine: Optional[Numbers] = None,
        crs: Optional[str] = None,
        model: str = "mobile_sam",
        bands: Optional[Sequence[int]] = None,
        stretch: Optional[str] = None,
        nodata: Optional[float] = None,
    ) -> RasterSession:
        """A session on pixels.

        Args:
            array: (rows, columns) or (rows, columns, bands).
            affine: a, b, c, d, e, f of pixel corners: x = a col + b row + c, y = d col + e row + f.
            crs: WKT or a code such as "EPSG:32633".
            model: Name of a model.
            bands: One or three of the bands, from 1.
            stretch: "none", or "min,max".
            nodata: Value of pixels without data, with an affine only.
        """
        asked = {
            "kind": "raster",
            "upload": self.upload(array),
            "model": model,
            "bands": None if bands is None else list(bands),
            "stretch": stretch,
            "frame": None
            if affine is None
            else {"affine": [float(v) for v in affine], "crs": crs, "nodata": nodata},
        }
        return RasterSession(self, self._dict("POST", "/v1/sessions", asked))

    def open_volume(
        self,
        path: Union[str, os.PathLike],  # type: ignore[type-arg]
        model: str = "lite_medsam",
        *,
        series: Optional[Union[int, str]] = None,
        time: Optional[int] = None,
        modality: Optional[str] = None,
        preset: Optional[str] = None,
        width: Optional[float] = None,
        level: Optional[float] = None,
        progress: Optional[Progress] = None,
    ) -> VolumeSession:
        """A session on a volume file or on DICOM, which must lie in one of the server's roots.

        Args:
            path: The file or folder.
            model: Name of a model.
            series: Of DICOM: its number, or a SeriesInstanceUID.
            time: Number of the time point, from 1.
            modality: "CT", "MR" and so on, where the file does not say or is wrong.
            preset: Name of a CT window.
            width: Of a window of one's own.
            level: Its middle.
            progress: See `Progress`; told of the files that are read.
        """
        asked = {
            "kind": "volume",
            "path": os.fspath(path),
            "model": model,
            "series": series,
            "time": time,
            "modality": modality,
            "preset": preset,
            "width": width,
            "level": level,
        }
        if progress is None:
            return VolumeSession(self, self._dict("POST", "/v1/sessions", asked))
        given = {name: value for name, value in asked.items() if value is not None}
        return cast("VolumeSession", self.open_in_background(given, progress))

    def open_volume_array(
        self,
        array_kji: np.ndarray,
        *,
        ijk_to_lps: Any,
        model: str = "lite_medsam",
        modality: Optional[str] = None,
        preset: Optional[str] = None,
        width: Optional[float] = None,
        level: Optional[float] = None,
    ) -> VolumeSession:
        """A session on voxels.

        Args:
            array_kji: (slices, rows, columns).
            ijk_to_lps: 4x4 matrix from voxel (i, j, k) to LPS mm.
            model: Name of a model.
            modality: "CT", "MR" and so on.
            preset: Name of a CT window.
            width: Of a window of one's own.
            level: Its middle.
        """
        matrix = np.asarray(ijk_to_lps, dtype=np.float64).tolist()
        asked = {
            "kind": "volume",
            "upload": self.upload(array_kji),
            "model": model,
            "modality": modality,
            "preset": preset,
            "width": width,
            "level": level,
            "frame": {"affine": matrix},
        }
        return VolumeSession(self, self._dict("POST", "/v1/sessions", asked))

    def replay(
        self,
        log: Mapping[str, Any],
        *,
        source: Optional[Mapping[str, Any]] = None,
        progress: Optional[Progress] = None,
    ) -> Session:
        """A session as its log says, on the same source.

        Args:
            log: From `Session.log`.
            source: How to open the source, where that has changed.
            progress: See `Progress`.

        Raises:
            ServerError: The log does not fit the source or the model, or it was cancelled.
        """
        given = None if source is None else dict(source)
        return self._opened(self.job("replay", log=dict(log), source=given), progress)

    def open_in_background(
        self, source: Mapping[str, Any], progress: Optional[Progress] = None
    ) -> Session:
        """A session on a source, opened by a job that can be cancelled.

        Args:
            source: As `request` of the source in a session's log: kind, path or upload, options.
            progress: See `Progress`.

        Raises:
            ServerError: It cannot be opened, or it was cancelled.
        """
        return self._opened(self.job("open", source=dict(source)), progress)

    def run_prompts(
        self,
        path: Union[str, os.PathLike],  # type: ignore[type-arg]
        prompts: Mapping[str, Any],
        crs: Optional[str] = None,
        *,
        model: str = "mobile_sam",
    ) -> Job:
        """One row for each feature of a GeoJSON FeatureCollection, as a job."""
        return self.job(
            "prompts", path=os.fspath(path), prompts=dict(prompts), prompts_crs=crs, model=model
        )

    def batch(self, cases: Sequence[Mapping[str, str]]) -> Job:
        """Volumes one after the other, rows as in the list of `sam-med batch`."""
        return self.job("batch", cases=[dict(case) for case in cases])

    def job(self, kind: str, **request: Any) -> Job:
        """Start a job of any kind."""
        asked = {name: value for name, value in request.items() if value is not None}
        return Job(self, self._dict("POST", "/v1/jobs", {"kind": kind, **asked})["job"])

    def _opened(self, job: Job, progress: Optional[Progress]) -> Session:
        state = job.wait(progress)
        if state["state"] != "done":
            raise ServerError("cancelled: there is no session", kind="CancelledError")
        about = self._dict("GET", f"/v1/sessions/{state['summary']['session']}")
        kind = RasterSession if about["kind"] == "raster" else VolumeSession
        return kind(self, about)

    def _dict(self, method: str, path: str, body: Optional[Any] = None) -> dict[str, Any]:
        answer: dict[str, Any] = self.connection.json(method, path, body)
        return answer

    def _adopt(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._reader = threading.Thread(target=self._read_log, args=(process,), daemon=True)
        self._reader.start()
        found: list[bytes] = []
        stdout = process.stdout
        if stdout is None:
            raise ServerError("the server has no stdout")
        # a thread, because a pipe cannot be read with a limit of time on every system
        waiter = threading.Thread(target=lambda: found.append(stdout.readline()), daemon=True)
        waiter.start()
        waiter.join(self.connection.timeout)
        try:
            hello = json.loads(found[0])
            self.hello = hello
            self.connection.port, self.connection.token = hello["port"], hello["token"]
        except (IndexError, ValueError, KeyError, TypeError) as error:
            if process.poll() is None:
                process.kill()
            waiter.join(CLOSE_SECONDS)
            self.close()
            last = "\n".join(self.log_lines()[-10:])
            raise ServerError(f"the server did not start:\n{last}", kind="StartError") from error
        if hello.get("protocol") != PROTOCOL:
            self.close()
            raise ServerError(
                f"the server speaks protocol {hello.get('protocol')}, this client {PROTOCOL}: "
                "install versions that belong together",
                kind="ProtocolError",
            )

    def _read_log(self, process: subprocess.Popen[bytes]) -> None:
        if process.stderr is not None:
            for line in process.stderr:
                self._lines.append(line.decode("utf-8", "replace").rstrip())


class Session:
    """An open source and its objects."""

    def __init__(self, client: Client, about: Mapping[str, Any]) -> None:
        self.client = client
        self.id: str = about["session"]
        self.kind: str = about["kind"]
        self.model: str = about["model"]
        self.size: tuple[int, ...] = tuple(about["size"])
        """(rows, columns) or (slices, rows, columns)."""
        self.frame: dict[str, Any] = about["frame"]
        self.prompts: list[str] = about["prompts"]
        """Kinds that the model takes: boxes, points, masks."""
        self.can_undo: bool = about["can_undo"]
        self.can_redo: bool = about["can_redo"]
        self.source: dict[str, Any] = about["source"]
        self._path = f"/v1/sessions/{self.id}"

    def objects(self) -> list[dict[str, Any]]:
        """All objects with their prompts and figures."""
        found: list[dict[str, Any]] = self.client.connection.json("GET", f"{self._path}/objects")
        return found

    def add_object(
        self,
        name: str,
        *,
        class_: Optional[str] = None,
        code: Optional[Mapping[str, str]] = None,
        object_id: Optional[str] = None,
    ) -> str:
        """A new object; gives its identifier."""
        change = self.edit(
            "add_object", name=name, object=object_id, code=code, **{"class": class_}
        )
        return change.changed[0].object

    def remove_object(self, object_id: str) -> Change:
        """An object and its prompts go."""
        return self.edit("remove_object", object=object_id)

    def rename_object(self, object_id: str, name: str, class_: Optional[str] = None) -> Change:
        """Another name, and another class where one is given."""
        return self.edit("rename_object", object=object_id, name=name, **{"class": class_})

    def add_point(
        self, object_id: str, point: Numbers, *, positive: bool = True, space: str = "pixel"
    ) -> Change:
        """A point of the object, or of the background: (x, y) or (i, j, k)."""
        return self.edit(
            "add_point", object=object_id, point=_plain(point), label=int(positive), space=space
        )

    def move_point(
        self, object_id: str, index: int, point: Numbers, *, space: str = "pixel"
    ) -> Change:
        """A point elsewhere."""
        return self.edit(
            "move_point", object=object_id, index=index, point=_plain(point), space=space
        )

    def remove_point(self, object_id: str, index: int) -> Change:
        """A point goes."""
        return self.edit("remove_point", object=object_id, index=index)

    def set_box(
        self,
        object_id: str,
        box: Numbers,
        *,
        axis: Optional[int] = None,
        index: Optional[int] = None,
        space: str = "pixel",
    ) -> Change:
        """The box of an object; with axis and index that of one slice of a volume."""
        return self.edit(
            "set_box", object=object_id, box=_plain(box), axis=axis, index=index, space=space
        )

    def remove_box(
        self, object_id: str, *, axis: Optional[int] = None, index: Optional[int] = None
    ) -> Change:
        """A box goes."""
        return self.edit("remove_box", object=object_id, axis=axis, index=index)

    def set_mask(
        self,
        object_id: str,
        array: np.ndarray,
        window: Sequence[Sequence[int]],
        *,
        axis: Optional[int] = None,
        index: Optional[int] = None,
    ) -> Change:
        """A painted mask.

        Args:
            object_id: Whose.
            array: (rows, columns) of the window; what is not 0 is the object.
            window: Half-open ((row0, col0), (row1, col1)).
            axis: Of a volume: the array axis of the slice.
            index: Which slice.
        """
        mask: dict[str, Any] = {
            "window": [[int(v) for v in corner] for corner in window],
            "size": list(array.shape),
            "counts": run_lengths(array),
        }
        if axis is not None:
            mask.update(axis=axis, index=index)
        return self.edit("set_mask", object=object_id, mask=mask)

    def remove_mask(
        self, object_id: str, *, axis: Optional[int] = None, index: Optional[int] = None
    ) -> Change:
        """A painted mask goes."""
        return self.edit("remove_mask", object=object_id, axis=axis, index=index)

    def clear(self, object_id: str) -> Change:
        """All prompts of an object go."""
        return self.edit("clear", object=object_id)

    def edit(self, op: str, **arguments: Any) -> Change:
        """One edit of any kind."""
        asked = {name: value for name, value in arguments.items() if value is not None}
        return self._changed("edits", {"op": op, **asked})

    def undo(self) -> Change:
        """One edit back."""
        return self._changed("undo")

    def redo(self) -> Change:
        """One edit forth."""
        return self._changed("redo")

    def log(self) -> dict[str, Any]:
        """Everything that makes the session, for `Client.replay`."""
        found: dict[str, Any] = self.client.connection.json("GET", f"{self._path}/log")
        return found

    def mask(self, object_id: str) -> Mask:
        """The whole mask of an object in its window."""
        path = f"{self._path}/objects/{quote(object_id, safe='')}/mask?format=npy"
        content, headers = self.client.connection.exchange("GET", path)
        array = np.load(io.BytesIO(content), allow_pickle=False).astype(bool)
        named = {name.lower(): value for name, value in headers.items()}
        empty = ((0,) * array.ndim, (0,) * array.ndim)
        return Mask(_window(json.loads(named["x-window"])) or empty, pixels=array)

    def export(self, formats: Sequence[str]) -> Job:
        """Files of all objects, as a job."""
        return self.client.job("export", session=self.id, formats=list(formats))

    def close(self) -> None:
        """The server forgets the session."""
        self.client.connection.json("DELETE", self._path)

    def _changed(self, what: str, body: Optional[Any] = None) -> Change:
        change = Change.from_json(self.client.connection.json("POST", f"{self._path}/{what}", body))
        self.can_undo, self.can_redo = change.can_undo, change.can_redo
        return change


class RasterSession(Session):
    """A session on a raster."""

    def geometry(self, object_id: str) -> dict[str, Any]:
        """The outline as a GeoJSON Feature, in the raster's reference system."""
        path = f"{self._path}/objects/{quote(object_id, safe='')}/geometry"
        found: dict[str, Any] = self.client.connection.json("GET", path)
        return found

    def prompts_job(self, prompts: Mapping[str, Any], crs: Optional[str] = None) -> Job:
        """One row for each feature of a GeoJSON FeatureCollection, as a job."""
        return self.client.job("prompts", session=self.id, prompts=dict(prompts), prompts_crs=crs)

    def automatic(self, **options: Any) -> Job:
        """Everything in the raster, as a job."""
        return self.client.job("automatic", session=self.id, options=options)


class VolumeSession(Session):
    """A session on a volume."""

    def propagate(self, objects: Optional[Sequence[str]] = None, method: str = "planes") -> Job:
        """Follow objects through the volume, as a job; all that have prompts where not given."""
        chosen = None if objects is None else list(objects)
        return self.client.job("propagate", session=self.id, objects=chosen, method=method)

    def review(self, object_id: str) -> list[dict[str, Any]]:
        """The slices of a propagated object, the least certain first.

        Each has its array axis, its index, a confidence from 0 to 1, and reasons: what makes it
        doubtful, in words.
        """
        path = f"{self._path}/objects/{quote(object_id, safe='')}/review"
        found: list[dict[str, Any]] = self.client.connection.json("GET", path)
        return found


class Job:
    """Something that takes long."""

    def __init__(self, client: Client, job_id: str) -> None:
        self.client = client
        self.id = job_id
        self._path = f"/v1/jobs/{job_id}"

    def state(self) -> dict[str, Any]:
        """How far it is."""
        found: dict[str, Any] = self.client.connection.json("GET", self._path)
        return found

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each change as (kind, state), to the end."""
        return self.client.connection.stream(f"{self._path}/events")

    def wait(self, progress: Optional[Progress] = None) -> dict[str, Any]:
        """Follow it to its end.

        Args:
            progress: See `Progress`.

        Returns:
            Its state, done or cancelled, as the server last told it.

        Raises:
            ServerError: It failed.
        """
        state: dict[str, Any] = {}
        for _, state in self.events():
            if progress is None or state["state"] in ENDED:
                continue
            if progress(state["done"], state["total"], state["what"]) is False:
                self.cancel()
        state = self.state() if state.get("state") not in ENDED else state
        if state["state"] == "failed":
            raise ServerError(state["message"] or "the job failed", kind="JobError")
        return state

    def cancel(self) -> None:
        """Stop it; a job that has ended is forgotten."""
        self.client.connection.json("DELETE", self._path)

    def result(self, name: str) -> bytes:
        """A file that it made."""
        path = f"{self._path}/results/{quote(name, safe='')}"
        return self.client.connection.exchange("GET", path)[0]

    def download(self, name: str, path: Union[str, os.PathLike]) -> None:  # type: ignore[type-arg]
        """Write a file that it made; it appears whole or not at all."""
        part = f"{os.fspath(path)}.part"
        with open(part, "wb") as file:  # paths of hosts may be plain strings
            file.write(self.result(name))
        os.replace(part, path)  # the same


def run_lengths(array: np.ndarray) -> list[int]:
    """Run lengths of a mask in column-major order, background first.

    >>> run_lengths(np.array([[0, 1], [1, 1]]))
    [1, 3]
    """
    flat = np.asarray(array).astype(bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat])))
    return [int(n) for n in np.diff(np.concatenate([[0], edges, [flat.size]]))]


def _is_readable(sock: socket.socket) -> bool:
    # select.select knows no numbers from 1024 up, which hosts with many files have
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _plain(numbers: Numbers) -> list[float]:
    return [float(v) for v in numbers]


def _window(value: Any) -> Optional[tuple[tuple[int, ...], tuple[int, ...]]]:
    if value is None:
        return None
    start, stop = value
    return tuple(int(v) for v in start), tuple(int(v) for v in stop)


def _refusal(status: int, content: bytes) -> ServerError:
    try:
        error = json.loads(content)["error"]
        return ServerError(error["message"], status=status, kind=error["type"])
    except (ValueError, KeyError, TypeError):
        return ServerError(f"the server answered {status}", status=status, kind="HTTPError")
