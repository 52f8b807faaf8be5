"""Batch: many cases, one after the other or by an executor; a failure never stops the rest.

Only a full disk does.

The folder of a batch holds `batch.json`, from which it goes on, and the summary. A case is
finished when the hash of its inputs and options is that of a case done before, and its outputs are
there.
No name of a case's files is written into the folder, because it may be that of a patient.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sam_common import __version__
from sam_common.errors import DiskError, InputError, OutputError, SuiteError
from sam_common.executors.executor import Item
from sam_common.executors.figures import recorded
from sam_common.support.files import DISK_ERRORS, sha256_of, write_bytes, writing
from sam_common.support.held_outputs import held
from sam_med import privacy
from sam_med.formats.suffixes import files_of
from sam_med.series.tree import DICOMDIR, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sam_common.executors.executor import Executor
    from sam_med.run.case_list import Case

Status: TypeAlias = Literal["done", "kept", "failed"]

STATE_NAME, SUMMARIES = "batch.json", ("summary.csv", "summary.json")
EXECUTOR_NAME = "executor.json"
"""What the workers of an executor did in the last run with one."""
VERSION = 1
EXIT_FAILED = 3
"""Exit code where a case failed: the batch itself did what was asked."""
CASE_ERRORS = (
    SuiteError,
    OSError,
    RuntimeError,
    MemoryError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    TypeError,
    ValueError,
)
"""Errors that damaged files raise in the libraries that read them; an interrupt is none of them."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The outcome of one case of a batch."""

    case: str
    """Name of the case in the list."""
    status: Status
    """done; kept: done in an earlier run; failed."""
    seconds: float
    """Time of the case; of the earlier run where it is kept."""
    objects: int
    """Number of objects that were asked for; 0 where it failed."""
    message: str = ""
    """Why the case failed, without paths or anything of the patient."""


def run_batch(  # noqa: PLR0913  # five keyword-only options
    cases: Sequence[Case],
    segment_one: Callable[[Case], int],
    folder: Path,
    *,
    resume: bool = False,
    settings: Mapping[str, Any] | None = None,
    outputs: Callable[[Case], Sequence[Path]] = lambda case: (case.output,),
    written: Callable[[Case], Sequence[Path]] | None = None,
    on_result: Callable[[CaseResult], None] = lambda _result: None,
    executor: Executor | None = None,
) -> list[CaseResult]:
    """Segment every case that is not finished, and write the summary as CSV and JSON.

    Args:
        cases: From `sam_med.run.case_list.read_cases`.
        segment_one: Segments a case, writes its output and gives its number of objects; with an
            executor it is pickled.
        folder: Takes the state and the summary; made where it is missing.
        resume: Whether to go on with what lies in the folder.
        settings: What decides a result beside the case, e.g. the model's sha256 (JSON).
        outputs: The files that a case writes; a finished case has all of them.
        written: The same with all that lies beside them, such as a manifest; `outputs` where None.
            What a worker wrote of these that died before it could say so is written anew.
        on_result: Called with each result as soon as it is there.
        executor: Segments cases in other processes, which see the same paths; this one does, one
            case after the other, where None.

    Returns:
        One result for each case, in their order; `exit_code` says what to end with.

    Raises:
        DiskError: A disk is full or read-only: the cases after it would fail as well.
        OutputError: The folder cannot be written to, another batch works in it, or it holds a
            batch and `resume` is not set.
        InputError: The state in the folder is damaged, or of another version.
        SuiteError: The executor cannot run the work, or is lost.
    """
    make_folder(folder)
    results: dict[int, CaseResult] = {}
    with held([folder / STATE_NAME]):
        state = _State(folder, resume=resume)
        work = _Work(segment_one, outputs, settings or {}, state.done)
        facts = recorded(executor)
        try:
            for number, key, result in _tried(cases, work, written or outputs, executor):
                if result.status == "done":
                    state.add(key, result)
                results[number] = result
                on_result(result)
        except BaseException:
            # an interrupted batch says how far it came, if the disk takes it
            with suppress(OutputError):
                write_summary(_in_order(results), folder, facts())
            raise
        write_summary(_in_order(results), folder, facts())
    return _in_order(results)


def _in_order(results: Mapping[int, CaseResult]) -> list[CaseResult]:
    return [results[number] for number in sorted(results)]


def _tried(
    cases: Sequence[Case],
    work: _Work,
    written: Callable[[Case], Sequence[Path]],
    executor: Executor | None,
) -> Iterator[tuple[int, str, CaseResult]]:
    """Number, hash and result of each case, in the order in which they are done."""
    if executor is None:
        for number, case in enumerate(cases):
            yield number, *work(case)
        return
    elsewhere = _Elsewhere(work, written)
    items = (Item(number, elsewhere.question(case)) for number, case in enumerate(cases))
    for outcome in executor.run(elsewhere, items, kind="case", retried=(DiskError,)):
        if outcome.error is None:
            yield outcome.number, *outcome.result
        elif isinstance(outcome.error, SuiteError) and not isinstance(outcome.error, DiskError):
            told = privacy.told(outcome.error)
            yield outcome.number, "", CaseResult(cases[outcome.number].name, "failed", 0, 0, told)
        else:
            raise outcome.error


def told_failures(
    cases: Sequence[Case], check: Callable[[Case], None]
) -> Iterator[tuple[Case, str]]:
    """Cases that will fail, with the reason, as far as a check can say without segmenting them.

    Args:
        cases: All cases of a batch.
        check: Raises `SuiteError` for a case that will fail.
    """
    for case in cases:
        with privacy.unnamed(case.roles):
            try:
                check(case)
            except SuiteError as error:
                yield case, privacy.told(error)


def write_summary(
    results: Sequence[CaseResult], folder: Path, facts: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Write `summary.csv` and `summary.json` into a folder; earlier ones are replaced.

    Args:
        results: One for each case.
        folder: Where they are written.
        facts: The entry `executor` of a batch with one, for `executor.json`.
    """
    rows = [asdict(result) for result in results]
    names = list(CaseResult.__dataclass_fields__)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    table, listed = (folder / name for name in SUMMARIES)
    write_bytes(table, text.getvalue().encode())
    record = json.dumps(rows, indent=2, ensure_ascii=False)
    write_bytes(listed, f"{record}\n".encode())
    if facts:
        told = json.dumps(facts["executor"], indent=2)
        write_bytes(folder / EXECUTOR_NAME, f"{told}\n".encode())


def make_folder(folder: Path) -> None:
    """Make the folder of a batch where it is not there.

    Raises:
        OutputError: It cannot be made.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def files_in(folder: Path) -> tuple[Path, ...]:
    """The files that a batch writes into its folder."""
    return tuple(folder / name for name in (STATE_NAME, *SUMMARIES, EXECUTOR_NAME))


def exit_code(results: Sequence[CaseResult]) -> int:
    """The exit code of a batch: 0, or `EXIT_FAILED` where a case failed."""
    return EXIT_FAILED if any(result.status == "failed" for result in results) else 0


def case_sha256(case: Case, settings: Mapping[str, Any]) -> str:
    """Hash of all that decides a case's result: options, and the bytes of its files, not names.

    Raises:
        InputError: A file is missing.
    """
    about = {
        "input": _sha256_of(case.input, "the input"),
        "prompts": None if case.prompts is None else _sha256_of(case.prompts, "the prompts"),
        "options": dict(case.options),
        "settings": dict(settings),
        "version": __version__,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


class _State:
    """The finished cases of a batch by their hash, on disk after each one."""

    def __init__(self, folder: Path, *, resume: bool) -> None:
        self._path = folder / STATE_NAME
        self.done: dict[str, dict[str, Any]] = {}
        """Seconds and objects of each finished case."""
        known = self._path.exists()
        if known and not resume:
            raise OutputError(
                f"a batch lies in {folder}: go on with it by --resume, or give another folder"
            )
        if known:
            self.done = self._read(folder)
        self._write()

    def add(self, key: str, result: CaseResult) -> None:
        """Note that a case is finished."""
        self.done[key] = {"seconds": result.seconds, "objects": result.objects}
        self._write()

    def _read(self, folder: Path) -> dict[str, dict[str, Any]]:
        """The finished cases of an earlier run."""
        try:
            record = json.loads(self._path.read_text(encoding="utf-8"))
            version, done = record["version"], record["done"]
            if version == VERSION and all(
                {"seconds", "objects"} <= set(entry) for entry in done.values()
            ):
                return dict(done)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{STATE_NAME} in {folder} is damaged: delete it to begin anew"
            ) from error
        raise InputError(f"{STATE_NAME} in {folder} is of another version: give another folder")

    def _write(self) -> None:
        """Replace the state on disk."""
        record = {"version": VERSION, "done": self.done}
        write_bytes(self._path, f"{json.dumps(record, indent=2, sort_keys=True)}\n".encode())


@dataclass(frozen=True, slots=True)
class _Work:
    """How a case is segmented, which files it writes, and the settings that all cases share."""

    segment: Callable[[Case], int]
    outputs: Callable[[Case], Sequence[Path]]
    settings: Mapping[str, Any]
    known: Mapping[str, Mapping[str, Any]]
    """Seconds and objects of the cases that are finished, by their hash."""

    def __call__(self, case: Case) -> tuple[str, CaseResult]:
        """Hash and result of a case: it is segmented unless it is finished."""
        with privacy.unnamed(case.roles), privacy.quiet_libraries():
            return _one(case, self)


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """The same by a worker, which may come after one that died at the same case."""

    work: _Work
    written: Callable[[Case], Sequence[Path]]

    def question(self, case: Case) -> tuple[Case, bool]:
        """A case, and whether none of its files is there before it is first tried."""
        try:
            return case, not any(path.exists() for path in self.written(case))
        except OutputError:  # the case fails by itself
            return case, False

    def __call__(self, question: tuple[Case, bool]) -> tuple[str, CaseResult]:
        """Hash and result of a case; what an earlier try of it left is removed first."""
        case, was_new = question
        if was_new:
            # what cannot be removed is told by the case, as an output that is there
            with suppress(OSError):
                for path in self.written(case):
                    path.unlink(missing_ok=True)
        return self.work(case)


def _one(case: Case, work: _Work) -> tuple[str, CaseResult]:
    """Segment one case unless it is finished; a failure becomes its result."""
    started, key = time.perf_counter(), ""
    try:
        key = case_sha256(case, work.settings)
        known = work.known.get(key)
        if known is not None and all(path.exists() for path in work.outputs(case)):
            return key, CaseResult(case.name, "kept", known["seconds"], known["objects"])
        objects = work.segment(case)
    except CASE_ERRORS as error:
        _end_on_full_disk(error, case)
        seconds = round(time.perf_counter() - started, 3)
        return key, CaseResult(case.name, "failed", seconds, 0, privacy.told(error))
    seconds = round(time.perf_counter() - started, 3)
    return key, CaseResult(case.name, "done", seconds, objects)


def _end_on_full_disk(error: Exception, case: Case) -> None:
    """Raise `DiskError` where an error says that a disk takes no more."""
    if isinstance(error, DiskError):
        raise DiskError(f"{privacy.told(error)}; the batch ends here") from error
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        disk = _disk_of(Path(error.filename or case.output))
        raise DiskError(
            f"{os.strerror(error.errno)}: make room on the disk at {disk}; the batch ends here"
        ) from error


def _disk_of(path: Path) -> Path:
    """The mount point of a file's disk: names below it may be those of patients."""
    above = (path.absolute(), *path.absolute().parents)
    return next(folder for folder in above if os.path.ismount(folder) or folder == folder.parent)


def _sha256_if_readable(path: Path) -> str:
    """sha256 of a file in a folder, or a word where it cannot be read and is left out."""
    try:
        return sha256_of(path)
    except OSError:
        return "unreadable"


def _sha256_of(path: Path, role: str) -> str:
    """sha256 of a file and those that its header names, or of a folder's files without their names.

    A DICOMDIR stands for the folder that it lies in.
    """
    if path.name.upper() == DICOMDIR and path.is_file():
        path = path.parent
    if path.is_dir():
        digests = sorted(map(_sha256_if_readable, walk(path).files))
    elif path.is_file():
        digests = sorted(map(sha256_of, files_of(path)))
    else:
        raise InputError(f"no such file: {role}")
    if len(digests) == 1 and path.is_file():
        return digests[0]
    return hashlib.sha256("".join(digests).encode("ascii")).hexdigest()
