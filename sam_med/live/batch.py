"""Live batch: volumes segmented one after the other, as a job of the local server."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError
from sam_med import privacy
from sam_med.live.files import hold
from sam_med.objects.overlap import DEFAULT_OVERWRITE, overwrite_of
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE, seg_type_of
from sam_med.run.batch import CASE_ERRORS
from sam_med.run.case_list import OPTIONS, Case, cases_of
from sam_med.run.case_outputs import check_cases
from sam_med.run.methods import DEFAULT_METHOD, DEFAULT_MODEL, method_of
from sam_med.run.request import OutputRequest, prompt_sources_of, read_options_of
from sam_med.run.run_case import run_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.server.files.held import Held
    from sam_common.server.sessions.live_source import Reporter

CASE_STEPS = 100
"""Steps of progress that each case counts for, however many slices it has."""


def run_batch(
    cases: Sequence[Mapping[str, str]],
    folder: Path,
    load: Callable[[str], Segmenter],
    reporter: Reporter,
    files: BatchFiles,
) -> dict[str, Any]:
    """Segment volumes one after the other; a case that fails does not stop the others.

    Args:
        cases: Rows as in the list of `sam-med batch`: name, input, prompts and options; `output` is
            the name of the file that is made.
        folder: Folder of the job, which takes the results.
        load: Gives a network by name.
        reporter: Hears of each hundredth of a case.
        files: Opens the files that may be read.

    Returns:
        `cases`: name, status and number of objects of each, and the message of a failure.

    Raises:
        InputError: A row is wrong, see `cases_in`.
    """
    todo = cases_in(cases, folder)
    reporter.begin("cases, in hundredths", CASE_STEPS * len(todo))
    return {"cases": [_run(case, load, _Listener(reporter), files) for case in todo]}


class BatchFiles:
    """How a batch opens the files of its cases.

    Args:
        resolve: Gives the real path of a path of the request, or refuses it.
        holding: Makes a private folder in which files are held while its block runs.
        keep_embeddings: Whether embeddings may stay on disk.
    """

    def __init__(
        self,
        resolve: Callable[[str], Path],
        holding: Callable[[], AbstractContextManager[Held]],
        *,
        keep_embeddings: bool = False,
    ) -> None:
        self.resolve = resolve
        self.holding = holding
        self.keep_embeddings = keep_embeddings


def cases_in(rows: Sequence[Mapping[str, str]], folder: Path) -> list[Case]:
    """The cases of a request, read as the list of `sam-med batch` is.

    Args:
        rows: Cells by the columns of that list and `model`; `output` is a bare name or missing.
        folder: Folder that the outputs are written into.

    Raises:
        InputError: A column is unknown, a case has no input or prompts, or two cases have one
            name or output.
    """
    named = [
        {**row, "output": Path(row.get("output") or f"case-{n}.seg.nrrd").name}
        for n, row in enumerate(rows, start=1)
    ]
    # paths of the request are those that the server resolves
    cases = cases_of(named, Path(), options=(*OPTIONS, "model"))
    for number, case in enumerate(cases, start=1):
        if case.prompts is None:
            raise InputError(f"case {number} of the list has no prompts")
    cases = [replace(case, output=folder / case.output) for case in cases]
    check_cases(cases, ())
    return cases


def _run(
    case: Case, load: Callable[[str], Segmenter], listener: _Listener, files: BatchFiles
) -> dict[str, Any]:
    """The outcome of one case; where it fails, no file of it is left."""
    told: dict[str, Any] = {"case": case.name, "status": "failed", "objects": 0}
    before = set(case.output.parent.iterdir())
    try:
        with files.holding() as held:
            objects = _segment(case, held, load, listener, files)
    except CASE_ERRORS as error:
        with privacy.unnamed({case.input: privacy.INPUT, case.output: "the output"}):
            told["message"] = privacy.told(error)
        # files that were written before the failure are not left to be fetched
        for file in set(case.output.parent.iterdir()) - before:
            file.unlink()
    else:
        told |= {"status": "done", "objects": objects}
    listener.end_case()
    return told


def _segment(
    case: Case,
    held: Held,
    load: Callable[[str], Segmenter],
    listener: _Listener,
    files: BatchFiles,
) -> int:
    """Segment one case from held files; gives the number of its objects."""
    source, asked = (
        hold(files.resolve(str(path)), held, stem)
        for path, stem in ((case.input, "volume"), (case.prompts, "prompts"))
    )
    ready = replace(case, input=source, prompts=asked)
    method = method_of(case.options.get("method", DEFAULT_METHOD))
    if method == "memory":
        raise InputError("method memory does not run on the server: use sam-med batch")
    with privacy.unnamed({source: privacy.INPUT, asked: "the prompts"}), privacy.quiet_libraries():
        report = run_case(
            ready.input,
            prompt_sources_of(ready),
            OutputRequest(
                ready.output,
                keep_embeddings=files.keep_embeddings,
                seg_type=seg_type_of(case.options.get("seg_type", DEFAULT_SEG_TYPE)),
                overwrite_labels=overwrite_of(
                    case.options.get("overwrite_labels", DEFAULT_OVERWRITE)
                ),
            ),
            lambda: load(case.options.get("model", DEFAULT_MODEL)),
            options=read_options_of(ready),
            method=method,
            listener=listener,
        )
    held.check()
    return len(report["labels"])


class _Listener:
    """Tells a job's reporter of each hundredth of a case."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._told = 0

    def note(self, message: str) -> None:
        """Tell nothing, as notes stand in the manifest; a cancelled job ends here."""
        del message
        self._reporter.step(0)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """A counter of `total` steps, of which the reporter hears hundredths."""
        del what
        done = 0

        def step(count: int) -> None:
            nonlocal done
            done += count
            self._tell(min(CASE_STEPS, CASE_STEPS * done // max(1, total)))

        yield step

    def end_case(self) -> None:
        """Count the rest of a case's steps; the next case begins."""
        self._tell(CASE_STEPS)
        self._told = 0

    def _tell(self, steps: int) -> None:
        """Tell the reporter that a case has come to a number of hundredths; never fewer."""
        more, self._told = max(0, steps - self._told), max(steps, self._told)
        self._reporter.step(more)
