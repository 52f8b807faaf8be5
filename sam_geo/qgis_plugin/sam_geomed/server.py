"""Server: one `sam-common serve` for all of the plugin, started when it is first needed.

A server opens files only below the folders that it was started with. When a layer lies elsewhere,
another server takes over with more folders; the one before ends as soon as nobody has a lease of
it. A server that has died is replaced at the next lease.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .environment import find_command
from .suite_client import LOG_LINES, Client, ServerError
from .translation import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


class Lease:
    """A running server that stays until it is given back."""

    def __init__(self, owner: Server, running: _Running) -> None:
        self._owner = owner
        self._running = running

    @property
    def client(self) -> Client:
        """Of the server."""
        return self._running.client

    @property
    def is_alive(self) -> bool:
        """Whether the server answers."""
        return self._running.is_alive()

    def release(self) -> None:
        """Give it back; more than once does no harm."""
        self._owner.give_back(self)

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.release()


class _Running:
    """A server, the folders that it may read, and who uses it."""

    def __init__(self, client: Client, folders: frozenset[Path]) -> None:
        self.client = client
        self.folders = folders
        self.leases: set[Lease] = set()

    def holds(self, folders: Iterable[Path]) -> bool:
        return all(
            any(root == folder or root in folder.parents for root in self.folders)
            for folder in folders
        )

    def is_alive(self) -> bool:
        # a process that was just killed may still look as if it ran, but it does not answer
        if not self.client.is_running:
            return False
        try:
            self.client.health()
        except ServerError as error:
            return error.status != 0
        return True


class Server:
    """Starts, shares and ends servers; every method may be called from any thread.

    Args:
        command: Gives the command that starts one; may raise `EnvironmentMissingError`.
    """

    def __init__(self, command: Callable[[], list[str]] = find_command) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._current: _Running | None = None
        self._earlier: list[_Running] = []
        self._lines: list[str] = []

    def lease(self, folders: Iterable[Path] = ()) -> Lease:
        """A server that may read some folders.

        Raises:
            EnvironmentMissingError: The suite is not installed.
            ServerError: It does not start.
        """
        wanted = frozenset(folder.resolve() for folder in folders)
        with self._lock:
            current = self._current
            if current is not None and not current.is_alive():
                self._keep(current, translate("SamGeomed", "(the server ended unexpectedly)"))
                self._end(current)
                current = self._current = None
            if current is None or not current.holds(wanted):
                current = self._replaced(current, wanted)
            lease = Lease(self, current)
            current.leases.add(lease)
            return lease

    def give_back(self, lease: Lease) -> None:
        """End a server that is not the current one when nobody uses it."""
        with self._lock:
            for running in [*self._earlier, *filter(None, [self._current])]:
                running.leases.discard(lease)
            for running in [each for each in self._earlier if not each.leases]:
                self._earlier.remove(running)
                self._end(running)

    def stop(self) -> None:
        """End all of them."""
        with self._lock:
            ending = [*self._earlier, *filter(None, [self._current])]
            self._earlier, self._current = [], None
            for running in ending:
                self._keep(running, translate("SamGeomed", "(the server was ended)"))
                self._end(running)

    @property
    def is_running(self) -> bool:
        """Whether there is a process; it may be busy."""
        current = self._current
        return current is not None and current.client.is_running

    @property
    def about(self) -> dict[str, Any]:
        """First line of the current server, without its token; empty where none runs."""
        current = self._current
        hello = {} if current is None else current.client.hello
        return {name: value for name, value in hello.items() if name != "token"}

    def log_lines(self) -> list[str]:
        """What the servers have written, oldest first."""
        current = self._current
        return self._lines + ([] if current is None else current.client.log_lines())

    def _replaced(self, current: _Running | None, wanted: frozenset[Path]) -> _Running:
        folders = wanted if current is None else wanted | current.folders
        client = Client.start(self._command(), roots=sorted(str(each) for each in folders))
        if current is not None and current.leases:
            self._earlier.append(current)
        elif current is not None:
            self._end(current)
        self._current = _Running(client, folders)
        return self._current

    def _keep(self, running: _Running, last: str) -> None:
        self._lines = [*self._lines, *running.client.log_lines(), last][-LOG_LINES:]

    @staticmethod
    def _end(running: _Running) -> None:
        running.client.close()
