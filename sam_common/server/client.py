"""Client of the local server: one file for Python 3.9 and later that needs numpy alone.

Hosts carry a copy of this file. It runs no model: it sends pixels and prompts to the server, and
receives masks.

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
"""Version of the protocol that the client speaks."""
LOG_LINES = 500
"""Most lines of the server's stderr that are kept, the last ones."""
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
"""Beginnings of environment variables that a host sets and that would mislead another Python."""
CLOSE_SECONDS = 10.0
"""Seconds that a server has to end before it is killed."""
REFUSED = 400
"""Least HTTP status of a refusal."""
ENDED = ("done", "failed", "cancelled")
"""States that a job does not leave any more."""

Numbers = Sequence[float]
"""Coordinates of a point or a box, x before y."""
Progress = Callable[[int, int, str], Optional[bool]]
"""Called with the steps done, all steps and what is counted; cancels the job by returning False."""


class ServerError(Exception):
    """The server refused a request, or cannot be reached."""

    def __init__(self, message: str, *, status: int = 0, kind: str = "ConnectionError") -> None:
        super().__init__(message)
        self.status = status
        """HTTP status of the answer; 0 where there was none."""
        self.kind = kind
        """Name of the error class on the server."""


@dataclass(frozen=True)
class Mask:
    """A binary mask on a raster or on one slice of a volume."""

    window: tuple[tuple[int, ...], tuple[int, ...]]
    """Half-open start and stop as (row, col), or as (k, j, i) for a whole object of a volume."""
    counts: Optional[tuple[int, ...]] = None
    """Column-major run lengths within the window, background first."""
    axis: Optional[int] = None
    """Array axis of the slice of a volume: 0 is k, 1 is j, 2 is i."""
    index: Optional[int] = None
    """Number of the slice of a volume."""
    pixels: Optional[np.ndarray] = field(default=None, repr=False, compare=False)
    """The mask as an array, where it came as one and not as run lengths."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the window."""
        return tuple(b - a for a, b in zip(*self.window))

    @property
    def array(self) -> np.ndarray:
        """The mask as a boolean array of the window's shape."""
        if self.pixels is not None:
            return self.pixels
        runs = np.asarray(self.counts, dtype=np.int64)
        flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
        return np.ascontiguousarray(flat.reshape(self.shape[::-1]).T)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Mask:
        """A mask from the JSON of protocol 1."""
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
    """Identifier of the object."""
    removed: bool
    """Whether the object was removed."""
    masks: list[Mask]
    """Its masks: one of a raster, one for each slice of a volume."""
    window: Optional[tuple[tuple[int, ...], tuple[int, ...]]]
    """Window to redraw: around the masks before and after the change."""
    score: Optional[float]
    """IoU as predicted by the network."""
    confidence: Optional[float]
    """Confidence of a propagated object, 0 to 1."""
    status: str
    """`ok`, `empty`, `outside`, `nodata` or `no_prompt`."""
    area: int
    """Number of pixels or voxels."""


@dataclass(frozen=True)
class Change:
    """What an edit, an undo or a redo has changed."""

    cursor: int
    """Number of edits that count; those after it were undone."""
    can_undo: bool
    can_redo: bool
    changed: list[Changed]
    """The objects that are not as before."""
    seconds: dict[str, float]
    """Duration of the steps `encode` and `decode` on the server."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Change:
        """A change from the JSON of protocol 1."""
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
    """Requests to one server, over a connection of its own for each thread.

    Args:
        port: Port of the server.
        token: Bearer token of the server.
        host: Name or address of the machine.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, port: int, token: str, host: str, timeout: float) -> None:
        self.port = port
        self.token = token
        self.host = host
        self.timeout = timeout
        self._local = threading.local()
        self._all: weakref.WeakSet[_OfThread] = weakref.WeakSet()
        self._lock = threading.Lock()

    def json(self, method: str, path: str, body: Optional[Any] = None) -> Any:
        """Send a request with a JSON body, and give the JSON of the answer.

        Raises:
            ServerError: The server refused, or cannot be reached.
        """
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
        """Send a request, and give the body and the headers of the answer.

        Raises:
            ServerError: The server refused, or cannot be reached.
        """
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        response, content = self._request(method, path, body, headers)
        if response.status >= REFUSED:
            raise _refusal(response.status, content)
        return content, dict(response.getheaders())

    def stream(self, path: str) -> Iterator[tuple[str, Any]]:
        """Server-sent events as (kind, data), over a connection of their own.

        Raises:
            ServerError: The server refused, or the connection broke.
        """
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
        """Send a request over the thread's connection; raises `ServerError` where that fails."""
        connection = self._connection()
        if connection.sock is not None and _is_readable(connection.sock):
            # no answer is due, so that the server has closed an idle connection
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
        """The connection of this thread."""
        known: Optional[_OfThread] = getattr(self._local, "known", None)
        if known is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
            known = self._local.known = _OfThread(connection)
            with self._lock:
                self._all.add(known)
        return known.connection


class Client:
    """A local server: its sessions, uploads and jobs.

    Args:
        port: Port, as in the server's first line.
        token: Bearer token, as in the server's first line.
        host: Name or address of the machine on which the server runs.
        timeout: Seconds to wait for an answer; the first click has to load and run a network.
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
        """Start a server, which ends with `close` or when this process ends.

        Args:
            command: Command that starts the server, with its options; `python -m sam_common.cli
                serve` of this Python where None.
            roots: Folders from which the server may open files.
            models: Names of models to load at the start.
            env: Environment variables that are added to those of this process, which are cleaned
                of a host's own.
            timeout: Seconds to wait for each answer, and for the server's first line.

        Raises:
            ServerError: The server does not start; the message ends with the last lines of its
                stderr.
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
        """Close all connections, and end the server where this client started it."""
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
        """Give the client itself."""
        return self

    def __exit__(self, *_failure: object) -> None:
        """Close the client."""
        self.close()

    def log_lines(self) -> list[str]:
        """The last lines that the server wrote to stderr."""
        return list(self._lines)

    @property
    def is_running(self) -> bool:
        """Whether the server that this client started is running."""
        return self._process is not None and self._process.poll() is None

    def health(self) -> dict[str, Any]:
        """State, version and memory of the server."""
        return self._dict("GET", "/v1/health")

    def models(self) -> list[dict[str, Any]]:
        """All models: names, kinds of prompts, and whether they are downloaded and loaded."""
        return cast("list[dict[str, Any]]", self.connection.json("GET", "/v1/models"))

    def sessions(self) -> list[dict[str, Any]]:
        """All sessions of the server, the oldest first."""
        return cast("list[dict[str, Any]]", self.connection.json("GET", "/v1/sessions"))

    def upload(self, array: np.ndarray) -> str:
        """Send an array, and give its identifier on the server."""
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
        """Open a session on a raster file.

        Args:
            path: Absolute path of a raster in one of the server's roots.
            model: Name of a model.
            bands: One or three band numbers, from 1.
            stretch: "none", or "min,max".
        """
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
        """Open a session on the pixels of an array.

        Args:
            array: (rows, columns) or (rows, columns, bands).
            affine: a, b, c, d, e, f of pixel corners: x = a col + b row + c, y = d col + e row + f.
            crs: Coordinate reference system, as WKT or a code such as "EPSG:32633".
            model: Name of a model.
            bands: One or three band numbers, from 1.
            stretch: "none", or "min,max".
            nodata: Value of pixels without data; needs an affine.
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
        """Open a session on a volume file or a DICOM series.

        Args:
            path: Absolute path of a file or folder in one of the server's roots.
            model: Name of a model.
            series: Number of a DICOM series, or its SeriesInstanceUID.
            time: Number of the time point, from 1.
            modality: "CT", "MR" and so on, where the file does not say or is wrong.
            preset: Name of a CT window.
            width: Width of a window, in the units of the voxels.
            level: Level, that is the middle, of that window.
            progress: Called for the files that are read, see `Progress`.

        Raises:
            ServerError: The volume cannot be opened, or the opening was cancelled.
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
        """Open a session on the voxels of an array.

        Args:
            array_kji: (slices, rows, columns).
            ijk_to_lps: 4x4 matrix from voxel indices (i, j, k) to LPS coordinates in mm.
            model: Name of a model.
            modality: "CT", "MR" and so on.
            preset: Name of a CT window.
            width: Width of a window, in the units of the voxels.
            level: Level, that is the middle, of that window.
        """
        asked = self.array_volume(
            array_kji,
            ijk_to_lps=ijk_to_lps,
            model=model,
            modality=modality,
            preset=preset,
            width=width,
            level=level,
        )
        return VolumeSession(self, self._dict("POST", "/v1/sessions", asked))

    def array_volume(
        self, array_kji: np.ndarray, *, ijk_to_lps: Any, **options: Any
    ) -> dict[str, Any]:
        """Send the voxels of an array; gives how to open them, as the `source` of `replay`.

        Args:
            array_kji: (slices, rows, columns).
            ijk_to_lps: 4x4 matrix from voxel indices (i, j, k) to LPS coordinates in mm.
            options: As in `open_volume_array`.
        """
        matrix = np.asarray(ijk_to_lps, dtype=np.float64).tolist()
        return {
            "kind": "volume",
            "upload": self.upload(array_kji),
            **options,
            "frame": {"affine": matrix},
        }

    def replay(
        self,
        log: Mapping[str, Any],
        *,
        source: Optional[Mapping[str, Any]] = None,
        progress: Optional[Progress] = None,
    ) -> Session:
        """Make a session again from its log, on the same source.

        Args:
            log: A log from `Session.log`.
            source: How to open the source, where that is not as in the log.
            progress: Called for the edits and objects, see `Progress`.

        Raises:
            ServerError: The log does not fit the source or the model, or the job was cancelled.
        """
        given = None if source is None else dict(source)
        return self._opened(self.job("replay", log=dict(log), source=given), progress)

    def open_in_background(
        self, source: Mapping[str, Any], progress: Optional[Progress] = None
    ) -> Session:
        """Open a session by a job, which can be cancelled.

        Args:
            source: Kind, path or upload, and options, as the `request` in a session's log.
            progress: Called for the files that are read, see `Progress`.

        Raises:
            ServerError: The source cannot be opened, or the job was cancelled.
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
        """Start a job that segments one object for each feature of a GeoJSON FeatureCollection.

        Args:
            path: Absolute path of a raster in one of the server's roots.
            prompts: Points, boxes or polygons.
            crs: Coordinate reference system of the prompts, or "pixel".
            model: Name of a model.
        """
        return self.job(
            "prompts", path=os.fspath(path), prompts=dict(prompts), prompts_crs=crs, model=model
        )

    def batch(self, cases: Sequence[Mapping[str, str]]) -> Job:
        """Start a job that segments volumes, with the columns of the list of `sam-med batch`."""
        return self.job("batch", cases=[dict(case) for case in cases])

    def job(self, kind: str, **request: Any) -> Job:
        """Start a job of any kind; arguments that are None are left out of the request."""
        asked = {name: value for name, value in request.items() if value is not None}
        return Job(self, self._dict("POST", "/v1/jobs", {"kind": kind, **asked})["job"])

    def _opened(self, job: Job, progress: Optional[Progress]) -> Session:
        """The session that a job opens; raises `ServerError` where the job does not."""
        state = job.wait(progress)
        if state["state"] != "done":
            raise ServerError("cancelled: there is no session", kind="CancelledError")
        about = self._dict("GET", f"/v1/sessions/{state['summary']['session']}")
        kind = RasterSession if about["kind"] == "raster" else VolumeSession
        return kind(self, about)

    def _dict(self, method: str, path: str, body: Optional[Any] = None) -> dict[str, Any]:
        """Send a request whose answer is a JSON object."""
        return cast("dict[str, Any]", self.connection.json(method, path, body))

    def _adopt(self, process: subprocess.Popen[bytes]) -> None:
        """Read the first line of a server, and keep reading its stderr."""
        self._process = process
        self._reader = threading.Thread(target=self._read_log, args=(process,), daemon=True)
        self._reader.start()
        found: list[bytes] = []
        stdout = process.stdout
        if stdout is None:
            raise ServerError("the server has no stdout")
        # a thread, because a pipe cannot be read with a timeout on every system
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
        """Keep the last lines of a server's stderr, as a thread."""
        if process.stderr is not None:
            for line in process.stderr:
                self._lines.append(line.decode("utf-8", "replace").rstrip())


class Session:
    """An open raster or volume and its objects.

    Args:
        client: Client of the server.
        about: The session in the JSON of protocol 1.
    """

    def __init__(self, client: Client, about: Mapping[str, Any]) -> None:
        self.client = client
        self.id: str = about["session"]
        self.kind: str = about["kind"]
        self.model: str = about["model"]
        self.size: tuple[int, ...] = tuple(about["size"])
        """(rows, columns) or (slices, rows, columns)."""
        self.frame: dict[str, Any] = about["frame"]
        """Affine, and of a raster the coordinate reference system."""
        self.prompts: list[str] = about["prompts"]
        """Kinds of prompts that the model takes: boxes, points, masks."""
        self.can_undo: bool = about["can_undo"]
        self.can_redo: bool = about["can_redo"]
        self.source: dict[str, Any] = about["source"]
        """Name and fingerprint of the source."""
        self._path = f"/v1/sessions/{self.id}"

    def objects(self) -> list[dict[str, Any]]:
        """All objects with their prompts and figures."""
        return cast(
            "list[dict[str, Any]]", self.client.connection.json("GET", f"{self._path}/objects")
        )

    def add_object(
        self,
        name: str,
        *,
        class_: Optional[str] = None,
        code: Optional[Mapping[str, str]] = None,
        object_id: Optional[str] = None,
    ) -> str:
        """Add an object, and give its identifier.

        Args:
            name: Name of the object.
            class_: Class of the object.
            code: Coded concept: `scheme`, `value` and `meaning`.
            object_id: Identifier of the object; the server makes one where None.
        """
        change = self.edit(
            "add_object", name=name, object=object_id, code=code, **{"class": class_}
        )
        return change.changed[0].object

    def remove_object(self, object_id: str) -> Change:
        """Remove an object and its prompts."""
        return self.edit("remove_object", object=object_id)

    def rename_object(self, object_id: str, name: str, class_: Optional[str] = None) -> Change:
        """Give an object another name, and another class where one is given."""
        return self.edit("rename_object", object=object_id, name=name, **{"class": class_})

    def add_point(
        self, object_id: str, point: Numbers, *, positive: bool = True, space: str = "pixel"
    ) -> Change:
        """Add a point to an object.

        Args:
            object_id: Identifier of the object.
            point: (x, y) on a raster, (i, j, k) in a volume.
            positive: Whether the point lies on the object, else on the background.
            space: "pixel" for array indices, "world" for the raster's reference system or LPS mm.
        """
        return self.edit(
            "add_point", object=object_id, point=_plain(point), label=int(positive), space=space
        )

    def move_point(
        self, object_id: str, index: int, point: Numbers, *, space: str = "pixel"
    ) -> Change:
        """Move point number `index` of an object, see `add_point`."""
        return self.edit(
            "move_point", object=object_id, index=index, point=_plain(point), space=space
        )

    def remove_point(self, object_id: str, index: int) -> Change:
        """Remove point number `index` of an object."""
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
        """Set the box of an object, or of one of its slices.

        Args:
            object_id: Identifier of the object.
            box: (x0, y0, x1, y1) on a raster or slice, (i0, j0, k0, i1, j1, k1) in a volume.
            axis: Array axis of the slice of a volume: 0 is k, 1 is j, 2 is i.
            index: Number of the slice.
            space: "pixel" for array indices, "world" for the raster's reference system or LPS mm.
        """
        return self.edit(
            "set_box", object=object_id, box=_plain(box), axis=axis, index=index, space=space
        )

    def remove_box(
        self, object_id: str, *, axis: Optional[int] = None, index: Optional[int] = None
    ) -> Change:
        """Remove the box of an object, or of one of its slices."""
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
        """Set a painted mask of an object, or of one of its slices.

        Args:
            object_id: Identifier of the object.
            array: (rows, columns) of the window; pixels other than 0 are the object.
            window: Half-open ((row0, col0), (row1, col1)).
            axis: Array axis of the slice of a volume: 0 is k, 1 is j, 2 is i.
            index: Number of the slice.
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
        """Remove the painted mask of an object, or of one of its slices."""
        return self.edit("remove_mask", object=object_id, axis=axis, index=index)

    def add_mark(
        self,
        object_id: str,
        mark: str,
        points: Sequence[Numbers],
        *,
        positive: bool = True,
        axis: Optional[int] = None,
        space: str = "pixel",
    ) -> Change:
        """Correct a propagated object of a volume by a mark.

        Args:
            object_id: Identifier of the object.
            mark: "click", "scribble", "lasso", "line" (the ends of the long axis, or of the long
                and the short one), or "not_this" for another mask on the slice of its point.
            points: (i, j, k) of each, in the order in which they were drawn.
            positive: Whether the object is there; False for what is not the object.
            axis: Array axis of the slice that was drawn on: 0 is k, 1 is j, 2 is i; a click without
                one counts on the slices of all axes.
            space: "pixel" for voxel indices, "world" for LPS mm.
        """
        return self.edit(
            "add_mark",
            object=object_id,
            mark=mark,
            points=[_plain(point) for point in points],
            label=int(positive),
            axis=axis,
            space=space,
        )

    def choose_candidate(self, object_id: str, candidate: int) -> Change:
        """Take another of the answers that a propagated object of a volume was chosen from.

        Args:
            object_id: Identifier of the object.
            candidate: Number of the answer in `candidates`, from 1.
        """
        return self.edit("choose_candidate", object=object_id, candidate=int(candidate))

    def clear(self, object_id: str) -> Change:
        """Remove all prompts of an object."""
        return self.edit("clear", object=object_id)

    def edit(self, op: str, **arguments: Any) -> Change:
        """Make an edit of any kind; arguments that are None are left out of the request."""
        asked = {name: value for name, value in arguments.items() if value is not None}
        return self._changed("edits", {"op": op, **asked})

    def undo(self) -> Change:
        """Undo one edit."""
        return self._changed("undo")

    def redo(self) -> Change:
        """Redo one edit."""
        return self._changed("redo")

    def log(self) -> dict[str, Any]:
        """The log of the session, from which `Client.replay` makes it again."""
        return cast("dict[str, Any]", self.client.connection.json("GET", f"{self._path}/log"))

    def mask(self, object_id: str) -> Mask:
        """The whole mask of an object in its window."""
        path = f"{self._path}/objects/{quote(object_id, safe='')}/mask?format=npy"
        content, headers = self.client.connection.exchange("GET", path)
        array = np.load(io.BytesIO(content), allow_pickle=False).astype(bool)
        named = {name.lower(): value for name, value in headers.items()}
        empty = ((0,) * array.ndim, (0,) * array.ndim)
        return Mask(_window(json.loads(named["x-window"])) or empty, pixels=array)

    def export(self, formats: Sequence[str], **options: str) -> Job:
        """Start a job that writes files of all objects.

        Args:
            formats: Names of formats, see the page on the server.
            options: Of a volume `seg_type`: "binary", "labelmap" or "fractional".
        """
        asked = {"options": options} if options else {}
        return self.client.job("export", session=self.id, formats=list(formats), **asked)

    def close(self) -> None:
        """Close the session on the server."""
        self.client.connection.json("DELETE", self._path)

    def _changed(self, what: str, body: Optional[Any] = None) -> Change:
        """Send an edit, an undo or a redo."""
        change = Change.from_json(self.client.connection.json("POST", f"{self._path}/{what}", body))
        self.can_undo, self.can_redo = change.can_undo, change.can_redo
        return change


class RasterSession(Session):
    """A session on a raster."""

    def geometry(self, object_id: str) -> dict[str, Any]:
        """The outline of an object as a GeoJSON Feature, in the raster's reference system."""
        path = f"{self._path}/objects/{quote(object_id, safe='')}/geometry"
        return cast("dict[str, Any]", self.client.connection.json("GET", path))

    def prompts_job(
        self, prompts: Mapping[str, Any], crs: Optional[str] = None, *, one_class: bool = False
    ) -> Job:
        """Start a job that segments one object for each feature of a GeoJSON FeatureCollection.

        Args:
            prompts: Points, boxes or polygons.
            crs: Coordinate reference system of the prompts, or "pixel".
            one_class: Whether the masks of points are to agree in size and looks.
        """
        return self.client.job(
            "prompts",
            session=self.id,
            prompts=dict(prompts),
            prompts_crs=crs,
            one_class=one_class or None,
        )

    def words_job(self, text: Sequence[str], **options: Any) -> Job:
        """Start a job that looks for objects by words, and segments one row for each.

        Args:
            text: Phrases such as "solar panel"; each is a class.
            **options: `detector`, the name of one; `threshold`, the least score of a box, 0 to 1;
                `window`, the side of the windows in pixels.
        """
        return self.client.job("words", session=self.id, text=list(text), **options)

    def automatic(self, **options: Any) -> Job:
        """Start a job that segments everything in the raster."""
        return self.client.job("automatic", session=self.id, options=options)

    def finetune(
        self,
        name: str,
        objects: Mapping[str, Any],
        crs: Optional[str] = None,
        *,
        overwrite: bool = False,
        keep_anyway: bool = False,
        **options: Any,
    ) -> Job:
        """Start a job that teaches a network the polygons of a GeoJSON FeatureCollection.

        The summary of the job has `figures` and `verdict`, and `model`, the name under which the
        new model is found; it is None where the model was not better, and so was refused.

        Args:
            name: Name of the new model: letters, digits, _ and -.
            objects: Polygons, one for each object.
            crs: Coordinate reference system of the polygons, or "pixel".
            overwrite: Whether a tuned model that has the name is replaced.
            keep_anyway: Whether a model that is not better is kept too.
            **options: `parts` ("decoder", "encoder", "both"), `prompts`, `epochs`, `patience`,
                `views` and `seed`.
        """
        return self.client.job(
            "finetune",
            session=self.id,
            name=name,
            objects=dict(objects),
            objects_crs=crs,
            overwrite=overwrite,
            keep_anyway=keep_anyway,
            options=options,
        )


class VolumeSession(Session):
    """A session on a volume."""

    def propagate(self, objects: Optional[Sequence[str]] = None, method: str = "planes") -> Job:
        """Start a job that propagates objects through the volume.

        Args:
            objects: Identifiers of the objects; all that have prompts where None.
            method: "planes" or "litemedsam".
        """
        chosen = None if objects is None else list(objects)
        return self.client.job("propagate", session=self.id, objects=chosen, method=method)

    def finetune(
        self,
        name: str,
        masks: Mapping[str, Union[np.ndarray, Mask]],
        *,
        overwrite: bool = False,
        keep_anyway: bool = False,
        **options: Any,
    ) -> Job:
        """Start a job that teaches a network objects of the volume, see `RasterSession.finetune`.

        Args:
            name: Name of the new model: letters, digits, _ and -.
            masks: By the name of the object, an array of the volume's shape (k, j, i) whose voxels
                other than 0 are the object, or a `Mask` in its window. Objects may overlap.
            overwrite: Whether a tuned model that has the name is replaced.
            keep_anyway: Whether a model that is not better is kept too.
            **options: `parts` ("decoder", "encoder", "both"), `prompts`, `epochs`, `patience`,
                `views` and `seed`.

        Raises:
            ServerError: The server refuses; an array of another shape is refused before.
        """
        segments = []
        for each, mask in masks.items():
            if isinstance(mask, Mask):
                start, part = list(mask.window[0]), mask.array
            elif mask.shape == self.size:
                start, part = _cropped(mask)
            else:
                raise ServerError(
                    f"the mask of {each} has the shape {mask.shape}, the volume {self.size}",
                    kind="InputError",
                )
            upload = self.client.upload(part.astype(np.uint8))
            segments.append({"name": each, "upload": upload, "start": start})
        return self.client.job(
            "finetune",
            session=self.id,
            name=name,
            segments=segments,
            overwrite=overwrite,
            keep_anyway=keep_anyway,
            options=options,
        )

    def review(self, object_id: str) -> list[dict[str, Any]]:
        """The slices of a propagated object, the least certain first.

        Returns:
            For each slice its array axis, its index, its confidence from 0 to 1, `at_least`, the
            Dice that nine of ten such slices have (None without enough evidence), and the reasons
            why it is doubtful, in words.
        """
        path = f"{self._path}/objects/{quote(object_id, safe='')}/review"
        return cast("list[dict[str, Any]]", self.client.connection.json("GET", path))

    def candidates(self, object_id: str) -> list[dict[str, Any]]:
        """The answers that a propagated object of a volume was chosen from.

        Returns:
            For each answer, the chosen one first and the others the surest first, its number,
            `score` from 0 to 1, `agreement`, its Dice with the chosen one, and its `voxels`; empty
            where there was nothing to choose from.
        """
        path = f"{self._path}/objects/{quote(object_id, safe='')}/candidates"
        return cast("list[dict[str, Any]]", self.client.connection.json("GET", path))


class Job:
    """A job of the server.

    Args:
        client: Client of the server.
        job_id: Identifier of the job.
    """

    def __init__(self, client: Client, job_id: str) -> None:
        self.client = client
        self.id = job_id
        self._path = f"/v1/jobs/{job_id}"

    def state(self) -> dict[str, Any]:
        """State, progress and results of the job."""
        return cast("dict[str, Any]", self.client.connection.json("GET", self._path))

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Changes of the job as (kind, state), until it has ended."""
        return self.client.connection.stream(f"{self._path}/events")

    def wait(self, progress: Optional[Progress] = None) -> dict[str, Any]:
        """Follow the job to its end.

        Args:
            progress: Called at each change, see `Progress`.

        Returns:
            The last state of the job, done or cancelled.

        Raises:
            ServerError: The job failed.
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
        """Cancel the job; where it has ended, the server forgets it and its files."""
        self.client.connection.json("DELETE", self._path)

    def result(self, name: str) -> bytes:
        """The content of a file of the job."""
        path = f"{self._path}/results/{quote(name, safe='')}"
        return self.client.connection.exchange("GET", path)[0]

    def download(self, name: str, path: Union[str, os.PathLike]) -> None:  # type: ignore[type-arg]
        """Write a file of the job to a path, where it appears whole or not at all."""
        part = f"{os.fspath(path)}.part"
        with open(part, "wb") as file:  # paths of hosts may be plain strings
            file.write(self.result(name))
        os.replace(part, path)  # the same


def taught_lines(card: Mapping[str, Any], objects: str = "objects") -> Iterator[str]:
    """What came of a job `finetune`, in lines of text: counts, figures and the verdict.

    Args:
        card: Summary of the job, or a model card.
        objects: What was learned, in the plural.
    """
    parts = card["data"]["objects"]
    yield (
        f"{parts['learn']} {objects} were learned, {parts['stop']} said when to stop, "
        f"{parts['judge']} judge"
    )
    for kind, one in card["figures"].items():
        asked = {"boxes": "box", "points": "point"}[kind]
        alone = ", ".join(f"{name} {iou:.3f}" for name, iou in one["prompt_alone"].items())
        yield (
            f"mean IoU by {asked}: {one['before']:.3f} before, {one['after']:.3f} after "
            f"(gain {one['low']:+.3f} to {one['high']:+.3f}; from the {asked} alone: {alone})"
        )
    yield card["verdict"]["text"]


def run_lengths(array: np.ndarray) -> list[int]:
    """Run lengths of a mask in column-major order, background first.

    >>> run_lengths(np.array([[0, 1], [1, 1]]))
    [1, 3]
    """
    flat = np.asarray(array).astype(bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat])))
    return [int(n) for n in np.diff(np.concatenate([[0], edges, [flat.size]]))]


def _cropped(mask: np.ndarray) -> tuple[list[int], np.ndarray]:
    """The first voxel of the smallest window around a mask, and its part; one voxel if empty."""
    found = mask.astype(bool)
    start, place = [], []
    for axis in range(found.ndim):
        others = tuple(n for n in range(found.ndim) if n != axis)
        at = np.flatnonzero(found.any(axis=others))
        first, last = (int(at[0]), int(at[-1])) if len(at) else (0, 0)
        start.append(first)
        place.append(slice(first, last + 1))
    return start, found[tuple(place)]


def _is_readable(sock: socket.socket) -> bool:
    """Whether a socket has data, or was closed by the other side."""
    # select.select knows no descriptors from 1024 up, which hosts with many files have
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _plain(numbers: Numbers) -> list[float]:
    """Coordinates as JSON takes them."""
    return [float(v) for v in numbers]


def _window(value: Any) -> Optional[tuple[tuple[int, ...], tuple[int, ...]]]:
    """A window from the JSON of protocol 1."""
    if value is None:
        return None
    start, stop = value
    return tuple(int(v) for v in start), tuple(int(v) for v in stop)


def _refusal(status: int, content: bytes) -> ServerError:
    """The error of an answer that is a refusal."""
    try:
        error = json.loads(content)["error"]
        return ServerError(error["message"], status=status, kind=error["type"])
    except (ValueError, KeyError, TypeError):
        return ServerError(f"the server answered {status}", status=status, kind="HTTPError")
