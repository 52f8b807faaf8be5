"""`sam-med batch`: many cases, one after the other or on the workers of a cluster."""

from __future__ import annotations

import functools
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sam_common.cli.options import (
    Arch,
    DaskWorkers,
    Device,
    Engine,
    ExecutorKind,
    Json,
    Metrics,
    Precision,
    Quiet,
    Resources,
    Scheduler,
    terminal_notes,
)
from sam_common.errors import OutputError
from sam_common.executors.opened import opened_executor
from sam_common.support import console
from sam_common.support.held_outputs import held
from sam_med import privacy
from sam_med.cli.options import (
    Keep,
    Method,
    Model,
    OutputTypes,
    Overwrite,
    OverwriteLabelsOption,
    SegTypeOption,
)
from sam_med.cli.segment import Terminal, load_model
from sam_med.objects.overlap import DEFAULT_OVERWRITE
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE
from sam_med.run.case_list import OPTIONS
from sam_med.run.methods import DEFAULT_METHOD, DEFAULT_MODEL

if TYPE_CHECKING:
    from sam_med.run.batch import CaseResult
    from sam_med.run.batch_report import BatchReport
    from sam_med.run.case_list import Case
    from sam_med.run.case_work import CaseWork

SHOWN = 5
"""Cases that are named before a batch begins, of those that will fail."""


def batch_command(
    listing: Annotated[
        Path,
        typer.Argument(
            metavar="LIST",
            help="CSV or JSON: name, input, prompts, output; and, where a case needs them, "
            + ", ".join(OPTIONS)
            + ".",
        ),
    ],
    *,
    folder: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder of the summary and of what --resume needs."),
    ],
    output_type: OutputTypes = None,
    seg_type: SegTypeOption = DEFAULT_SEG_TYPE,
    overwrite_labels: OverwriteLabelsOption = DEFAULT_OVERWRITE,
    model: Model = DEFAULT_MODEL,
    arch: Arch = None,
    method: Method = DEFAULT_METHOD,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on; finished cases are not done again.")
    ] = False,
    executor: ExecutorKind = "local",
    scheduler: Scheduler = None,
    resources: Resources = None,
    metrics: Metrics = None,
    workers: DaskWorkers = 1,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Also write a page about all cases: what failed and why, objects with volume, "
            "confidence and bound, pictures of the most doubtful cases, what to do next."
        ),
    ] = None,
    keep_embeddings: Keep = False,
    overwrite: Overwrite = False,
    json_output: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment many cases. A failure never stops the rest; the exit code is then 3.

    Only a full disk ends a batch at once, with exit code 2.

    summary.csv and summary.json in the folder say what became of each case.
    """
    privacy.hide(listing, "the list of cases")
    from sam_med.run import batch  # noqa: PLC0415  # --help must stay fast
    from sam_med.run.batch_report import BatchReport  # noqa: PLC0415
    from sam_med.run.case_list import read_cases  # noqa: PLC0415
    from sam_med.run.case_outputs import check_cases  # noqa: PLC0415
    from sam_med.run.case_work import CaseWork  # noqa: PLC0415

    cases = read_cases(listing)
    formats = tuple(output_type or ())
    pages = [] if report is None else [report]
    check_cases(cases, formats, (listing, *batch.files_in(folder), *pages))
    settings = {"arch": arch, "device": device, "engine": engine, "precision": precision}
    tell = terminal_notes(quiet=quiet)
    with opened_executor(
        executor,
        scheduler=scheduler,
        workers=workers,
        resources=resources,
        metrics=metrics,
        tell=tell,
    ) as chosen:
        work = CaseWork(
            functools.partial(load_model, model, settings),
            # what workers say is in their logs, where no patient may be named
            Terminal(quiet=quiet or chosen is not None),
            formats,
            overwrite=overwrite or resume,
            keep_embeddings=keep_embeddings,
            model=model,
            seg_type=seg_type,
            method=method,
            overwrite_labels=overwrite_labels,
        )
        about = {
            "model": model,
            "method": method,
            "formats": output_type or [],
            "seg_type": seg_type,
            "overwrite_labels": overwrite_labels,
        }
        page = None
        if report is not None:
            told = {key: value for key, value in {**settings, **about}.items() if key != "model"}
            page = BatchReport(report, cases, work, told)
            # the page may lie in the folder of the batch
            batch.make_folder(folder)
            page.check(listing, overwrite=overwrite or resume)
        if not quiet:
            _tell_failures(cases, work)
        with held(pages):
            results = _run(
                cases,
                work,
                folder,
                page,
                quiet=quiet,
                resume=resume,
                settings={**settings, **about},
                executor=chosen,
            )
    _show(results, json_output=json_output)
    if code := batch.exit_code(results):
        raise typer.Exit(code)


def _run(
    cases: list[Case],
    work: CaseWork,
    folder: Path,
    page: BatchReport | None,
    *,
    quiet: bool,
    **how: Any,
) -> list[CaseResult]:
    """Run a batch, with a line for each case on stderr unless it is quiet; then write its page."""
    from sam_med.run import batch  # noqa: PLC0415  # --help must stay fast

    known: list[CaseResult] = []
    listener = Terminal(quiet=quiet)
    try:
        with console.progress("cases", len(cases), quiet=quiet) as advance:

            def tell(result: CaseResult) -> None:
                known.append(result)
                advance(1)
                if not quiet:
                    console.note(f"{result.case}: {result.status} {result.message}".rstrip())

            results = batch.run_batch(
                cases,
                work.segment,
                folder,
                outputs=work.outputs,
                written=work.written,
                on_result=tell,
                **how,
            )
    except BaseException:
        # a batch that was ended says how far it came, if the disk takes it
        with suppress(OutputError):
            if page is not None:
                page.write(known, listener, has_ended=False)
        raise
    try:
        if page is not None:
            page.write(results, listener)
    except OutputError as error:
        # all results are there: a page that the disk does not take fails no batch
        console.note(f"warning: the report was not written: {privacy.reworded(str(error))}")
    return results


def _tell_failures(cases: list[Case], work: CaseWork) -> None:
    """Say before hours of work which cases will fail by what the list alone shows."""
    from sam_med.run.batch import told_failures  # noqa: PLC0415  # --help must stay fast

    wrong = list(told_failures(cases, work.check))
    for case, why in wrong[:SHOWN]:
        console.note(f"warning: {case.name} will fail: {why}")
    if more := wrong[SHOWN:]:
        console.note(f"warning: and {len(more)} more of {len(cases)} cases")


def _show(results: list[CaseResult], *, json_output: bool) -> None:
    """Print the results as JSON or as a table."""
    rows = [asdict(result) for result in results]
    if json_output:
        console.emit_json(rows)
    else:
        columns = ["case", "status", "objects", "seconds", "message"]
        console.table("", columns, [[row[column] for column in columns] for row in rows])
