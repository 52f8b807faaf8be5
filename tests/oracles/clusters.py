"""Clusters on loopback, of the programs `dask scheduler` and `dask worker`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from distributed import Client

ORACLES = Path(__file__).parent
ROOT = ORACLES.parents[1]
MEMORY = "2GB"


@dataclass
class Cluster:
    """A scheduler that runs, and its workers."""

    address: str
    client: Client
    scheduler: subprocess.Popen
    folder: Path
    opened: ExitStack
    processes: list[subprocess.Popen] = field(default_factory=list)
    memory: str = MEMORY
    configuration: Mapping[str, str] | None = None

    def add_worker(
        self,
        *,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        by: Sequence[str] = (),
    ) -> subprocess.Popen:
        """Start a worker of one thread, with the oracles among its modules."""
        command = [sys.executable, "-m", "distributed.cli.dask_worker", *(by or [self.address])]
        fixed = ["--nthreads", "1", "--memory-limit", self.memory, "--no-dashboard"]
        # where the tests are killed, nobody ends the cluster
        fixed += ["--death-timeout", "60"]
        place = ["--host", "127.0.0.1", "--local-directory", str(self.folder)]
        process = started(
            [*command, *fixed, *place, *options], self.folder / "workers.log", environment
        )
        self.processes.append(process)
        self.opened.callback(ended, process)
        return process

    def add_old_worker(self) -> subprocess.Popen:
        """Start a worker with an older version of the suite, as half a cluster may have."""
        about = self.folder / "old" / "sam_geomed-0.0.9.dist-info"
        about.mkdir(parents=True, exist_ok=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: sam-geomed\nVersion: 0.0.9\n")
        paths = os.pathsep.join(map(str, (about.parent, ROOT, ORACLES)))
        return self.add_worker(environment={"PYTHONPATH": paths}, options=["--no-nanny"])

    def restart_scheduler(self, *, moves: bool) -> None:
        """Kill the scheduler, and start another one with one worker.

        Args:
            moves: Whether it has another address, which its file says; else it is the same.
        """
        port = int(self.address.rpartition(":")[2])
        ended(self.scheduler)
        file = self.folder / "scheduler.json"
        file.unlink()
        self.scheduler = scheduler_in(self.folder, 0 if moves else port, self.configuration)
        self.opened.callback(ended, self.scheduler)
        # Dask waits for the file
        self.add_worker(by=("--scheduler-file", str(file)))

    def pids(self) -> list[int]:
        """The processes in which tasks run: children of nannies, which start them again."""
        return list(self.client.run(os.getpid, on_error="return").values())


@contextmanager
def cluster(
    *, workers: int, configuration: Mapping[str, str] | None = None, memory: str = MEMORY
) -> Iterator[Cluster]:
    """A scheduler and workers of one thread each, ended with the block."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="cluster-")))
        scheduler = scheduler_in(folder, 0, configuration)
        opened.callback(ended, scheduler)
        client = opened.enter_context(
            Client(scheduler_file=str(folder / "scheduler.json"), timeout=30)
        )
        found = Cluster(
            client.scheduler.address,
            client,
            scheduler,
            folder,
            opened,
            memory=memory,
            configuration=configuration,
        )
        for _ in range(workers):
            found.add_worker()
        if workers:
            client.wait_for_workers(workers, timeout=60)
        yield found


def scheduler_in(
    folder: Path, port: int, configuration: Mapping[str, str] | None
) -> subprocess.Popen:
    """A scheduler that writes its file into a folder."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
    fixed = ["--port", str(port), "--dashboard-address", "127.0.0.1:0"]
    fixed += ["--idle-timeout", "20 minutes", "--scheduler-file", str(folder / "scheduler.json")]
    return started([*command, *fixed], folder / "scheduler.log", configuration)


def started(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None
) -> subprocess.Popen:
    """A process of its own group whose words go to a file."""
    paths = os.pathsep.join([str(ROOT), str(ORACLES), *sys.path])
    usual = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    with log.open("ab") as stream:
        return subprocess.Popen(
            command,
            stdout=stream,
            stderr=stream,
            env={**usual, **(environment or {})},
            start_new_session=True,
        )


def ended(process: subprocess.Popen) -> None:
    """End a process with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
