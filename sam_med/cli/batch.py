"""`sam-med batch`: many cases one after the other."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sam_common.cli.options import Arch, Device, Engine, Json, Precision, Quiet
from sam_common.support import console
from sam_med import privacy
from sam_med.cli.options import Keep, Method, Model, OutputTypes, Overwrite, SegTypeOption
from sam_med.cli.segment import Terminal, load_model
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE, seg_type_of
from sam_med.run.case_list import OPTIONS
from sam_med.run.methods import DEFAULT_METHOD, DEFAULT_MODEL, method_of

if TYPE_CHECKING:
    from sam_common.segmenter.predictor import Segmenter
    from sam_common.segmenter.tracking import LoadedTracker
    from sam_med.run.batch import CaseResult
    from sam_med.run.case_list import Case
    from sam_med.run.methods import Method as MethodName


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
    model: Model = DEFAULT_MODEL,
    arch: Arch = None,
    method: Method = DEFAULT_METHOD,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on; finished cases are not done again.")
    ] = False,
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
    from sam_med.run.case_list import read_cases  # noqa: PLC0415
    from sam_med.run.case_outputs import check_cases, outputs_of  # noqa: PLC0415

    cases = read_cases(listing)
    formats = tuple(output_type or ())
    check_cases(cases, formats, (listing, *batch.files_in(folder)))
    loaded: dict[bool, Segmenter | LoadedTracker] = {}
    settings = {"arch": arch, "device": device, "engine": engine, "precision": precision}

    def load(chosen: MethodName) -> Segmenter | LoadedTracker:
        # once for all cases, and not at all where every one is finished
        kind = chosen == "memory"
        if kind not in loaded:
            loaded[kind] = load_model(model, settings, chosen)
        return loaded[kind]

    def segment(case: Case) -> int:
        from sam_med.run import request  # noqa: PLC0415
        from sam_med.run.run_case import run_case  # noqa: PLC0415

        wanted = request.OutputRequest(
            case.output,
            formats,
            overwrite=overwrite or resume,
            keep_embeddings=keep_embeddings,
            model=model,
            seg_type=seg_type_of(case.options.get("seg_type", seg_type)),
        )
        chosen = method_of(case.options.get("method", method))
        report = run_case(
            case.input,
            request.prompt_sources_of(case),
            wanted,
            lambda: load(chosen),
            options=request.read_options_of(case),
            method=chosen,
            listener=Terminal(quiet=quiet),
        )
        return len(report["labels"])

    with console.progress("cases", len(cases), quiet=quiet) as advance:

        def tell(result: CaseResult) -> None:
            advance(1)
            if not quiet:
                console.note(f"{result.case}: {result.status} {result.message}".rstrip())

        results = batch.run_batch(
            cases,
            segment,
            folder,
            resume=resume,
            settings={
                **settings,
                "model": model,
                "method": method,
                "formats": output_type or [],
                "seg_type": seg_type,
            },
            outputs=lambda case: outputs_of(case, formats),
            on_result=tell,
        )
    _show(results, json_output=json_output)
    if code := batch.exit_code(results):
        raise typer.Exit(code)


def _show(results: list[CaseResult], *, json_output: bool) -> None:
    """Print the results as JSON or as a table."""
    rows = [asdict(result) for result in results]
    if json_output:
        console.emit_json(rows)
    else:
        columns = ["case", "status", "objects", "seconds", "message"]
        console.table("", columns, [[row[column] for column in columns] for row in rows])
