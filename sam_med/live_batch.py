"""Volumes one after the other, as a job of the local server."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError
from sam_med import batch, pipeline
from sam_med.case_outputs import check_cases
from sam_med.cases import Case
from sam_med.segment import method_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sam_common.segmenter import Segmenter
    from sam_common.server.sources import Reporter


def run_batch(
    cases: Sequence[Mapping[str, str]],
    folder: Path,
    load: Callable[[str], Segmenter],
    reporter: Reporter,
    open_path: Callable[[str], Path],
) -> dict[str, Any]:
    """Segment volumes one after the other; results go into the job's folder.

    Args:
        cases: Rows as in the list of `sam-med batch`: name, input, prompts and options; `output` is
            the name of the file that is made.
        folder: Of the job.
        load: Gives a model by name.
        reporter: Hears of each case.
        open_path: Resolves a path, or refuses it.
    """
    todo = []
    for n, row in enumerate(cases, start=1):
        rest = {k: v for k, v in row.items() if k not in {"name", "input", "prompts", "output"}}
        name = Path(row.get("output") or f"case-{n}.seg.nrrd").name
        if "input" not in row or "prompts" not in row:
            raise InputError(f"case {n} needs input and prompts")
        paths = open_path(row["input"]), open_path(row["prompts"])
        case_name = row.get("name") or f"case {n}"
        todo.append(Case(case_name, paths[0], folder / name, paths[1], rest))
    check_cases(todo, ())
    reporter.begin("cases", len(todo))

    def segment(case: Case) -> int:
        report = pipeline.run_case(
            case.input,
            pipeline.asked_of(case),
            pipeline.Wanted(case.output),
            lambda: load(case.options.get("model", "lite_medsam")),
            reading=pipeline.reading_of(case),
            method=method_of(case.options.get("method", "planes")),
            listener=_Listener(),
        )
        return len(report["labels"])

    results = batch.run_batch(
        todo, segment, folder / "state", on_result=lambda _result: reporter.step(1)
    )
    return {"cases": [{"case": r.case, "status": r.status} for r in results]}


class _Listener:
    """Progress inside a case is not shown."""

    def note(self, message: str) -> None:
        """Nothing: notes stand in the manifest."""

    def progress(self, what: str, total: int) -> Any:
        """A counter that nobody sees."""
        del what, total
        return nullcontext(lambda _done: None)
