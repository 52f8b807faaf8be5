"""Batch: many cases one after the other; a failure never stops the rest.

The folder of a batch holds `batch.json`, from which it goes on, and the summary. A case is
finished when its inputs and options have the hash of one that is, and its output is there.
Nothing in the folder says what the files of a case are called.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sam_common import __version__
from sam_common.errors import InputError, OutputError, SuiteError
from sam_common.files import atomic_output
from sam_common.pinned import sha256_of
from sam_med import care
from sam_med.tree import DICOMDIR, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sam_med.cases import Case

Status: TypeAlias = Literal["done", "kept", "failed"]

STATE_NAME, SUMMARY_NAME = "batch.json", "summary"
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
"""What damaged files raise in the libraries that read them; an interrupt is not among them."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of a case."""

    case: str
    status: Status
    """done; kept from an earlier run; failed."""
    seconds: float
    objects: int
    message: str = ""
    """Why it failed, without paths or anything of the patient."""


def run_batch(
    cases: Sequence[Case],
    segment_one: Callable[[Case], int],
    folder: Path,
    *,
    resume: bool = False,
    settings: Mapping[str, Any] | None = None,
    on_result: Callable[[CaseResult], None] = lambda _result: None,
) -> list[CaseResult]:
    """Do every case that is not finished, and write the summary as CSV and JSON.

    Args:
        cases: From `sam_med.cases.read_cases`.
        segment_one: Segments a case, writes its output and gives its number of objects.
        folder: Of the state and the summary; made where it is missing.
        resume: Whether to go on with what lies in the folder.
        settings: What decides a result beside the case, e.g. the model's sha256 (JSON).
        on_result: Called with each result as it is there.

    Returns:
        One result a case, in their order; `exit_code` says what to end with.

    Raises:
        OutputError: The folder cannot be written to, or holds a batch and `resume` is not set.
        InputError: What it holds is no batch.
    """
    state = _State(folder, resume=resume)
    results: list[CaseResult] = []
    try:
        for case in cases:
            with care.unnamed(_roles(case)):
                result = _one(case, segment_one, state, settings or {})
            results.append(result)
            on_result(result)
    finally:
        # an interrupted batch says how far it came
        write_summary(results, folder)
    return results


def write_summary(results: Sequence[CaseResult], folder: Path) -> None:
    """Write `summary.csv` and `summary.json`; earlier ones are replaced."""
    rows = [asdict(result) for result in results]
    names = list(CaseResult.__dataclass_fields__)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    _write(folder / f"{SUMMARY_NAME}.csv", text.getvalue())
    _write(folder / f"{SUMMARY_NAME}.json", json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


def exit_code(results: Sequence[CaseResult]) -> int:
    """0, or `EXIT_FAILED` where a case failed."""
    return EXIT_FAILED if any(result.status == "failed" for result in results) else 0


def case_sha256(case: Case, settings: Mapping[str, Any]) -> str:
    """Hash of what decides a case's result: its files' bytes, not their names, and its options.

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
        self._done: dict[str, dict[str, Any]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            known = self._path.exists()
        except OSError as error:
            raise OutputError(f"cannot make {folder}: {error.strerror}") from error
        if known and not resume:
            raise OutputError(
                f"a batch lies in {folder}: go on with it by --resume, or give another folder"
            )
        if known:
            self._done = self._read(folder)
        self._write()

    def get(self, key: str) -> dict[str, Any] | None:
        return self._done.get(key)

    def add(self, key: str, result: CaseResult) -> None:
        self._done[key] = {"seconds": result.seconds, "objects": result.objects}
        self._write()

    def _read(self, folder: Path) -> dict[str, dict[str, Any]]:
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
        record = {"version": VERSION, "done": self._done}
        _write(self._path, json.dumps(record, indent=2, sort_keys=True) + "\n")


def _one(
    case: Case, segment_one: Callable[[Case], int], state: _State, settings: Mapping[str, Any]
) -> CaseResult:
    started = time.perf_counter()
    try:
        key = case_sha256(case, settings)
        known = state.get(key)
        if known is not None and case.output.exists():
            return CaseResult(case.name, "kept", known["seconds"], known["objects"])
        objects = segment_one(case)
    except CASE_ERRORS as error:
        seconds = round(time.perf_counter() - started, 3)
        return CaseResult(case.name, "failed", seconds, 0, care.told(error))
    result = CaseResult(case.name, "done", round(time.perf_counter() - started, 3), objects)
    state.add(key, result)
    return result


def _roles(case: Case) -> dict[Path, str]:
    roles = {case.input: "the input", case.output: "the output"}
    if case.prompts is not None:
        roles[case.prompts] = "the prompts"
    return roles


def _sha256_or_none(path: Path) -> str:
    """Of a file in a folder; one that cannot be read is left out of the case, and said so."""
    try:
        return sha256_of(path)
    except OSError:
        return "unreadable"


def _sha256_of(path: Path, role: str) -> str:
    """Of a file; of the files of a folder, or that a DICOMDIR stands for, whatever their names."""
    if path.name.upper() == DICOMDIR:
        path = path.parent
    if path.is_file():
        return sha256_of(path)
    if not path.is_dir():
        raise InputError(f"no such file: {role}")
    digests = sorted(map(_sha256_or_none, walk(path).files))
    return hashlib.sha256("".join(digests).encode("ascii")).hexdigest()


def _write(path: Path, text: str) -> None:
    try:
        with atomic_output(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write to {path.parent}: {error.strerror}") from error
