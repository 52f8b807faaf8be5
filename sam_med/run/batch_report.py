"""Batch report: the page about a batch, from the records and results that its cases left.

Nothing is taken from the run itself but what became of each case, so that cases which were done
earlier, or on other machines, stand on the page as those of this run do. One scan is in memory at
a time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError
from sam_common.pages.object_page import check_page_output
from sam_med import privacy
from sam_med.report.doubtful_picture import draw_doubtful
from sam_med.report.study_report import (
    Study,
    StudyCase,
    by_doubt,
    figures_of,
    most_doubtful,
    write_study_report,
)
from sam_med.run.batch import CASE_ERRORS
from sam_med.run.request import read_options_of
from sam_med.run.segmentation import NOTICE, versions
from sam_med.series.zip_input import unpacking
from sam_med.write.output_paths import check_writable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sam_common.pages.object_page import Shot
    from sam_med.run.batch import CaseResult
    from sam_med.run.case_list import Case
    from sam_med.run.case_work import CaseWork
    from sam_med.run.run_case import Listener

NO_RECORD = "the record beside its results is missing, damaged, or that of another job"
TOO_EARLY = "not drawn, because the batch ended early"


@dataclass(frozen=True, slots=True, eq=False)
class BatchReport:
    """Where the page goes, and how results of cases are found."""

    path: Path
    """The page, an .html."""
    cases: Sequence[Case]
    work: CaseWork
    """Knows which files a case writes."""
    settings: Mapping[str, Any]
    """Options of the batch, for the page."""

    def check(self, listing: Path, *, overwrite: bool) -> None:
        """Raise `OutputError` before long work where the page could not be written.

        Args:
            listing: The list of the cases, which is no output.
            overwrite: Whether a page that is there may be replaced.
        """
        check_page_output(self.path, overwrite=overwrite)
        read = [path for case in self.cases for path in (case.input, case.prompts) if path]
        check_writable(self.path, None, [listing, *read], overwrite=overwrite)

    def write(
        self, results: Sequence[CaseResult], listener: Listener, *, has_ended: bool = True
    ) -> None:
        """Write the page, whole or not at all.

        Args:
            results: What became of the cases; those that have none are left over.
            listener: Hears of the pictures.
            has_ended: Whether the batch came to its end; pictures are drawn only then.

        Raises:
            OutputError: The page cannot be written. A case whose record or picture cannot be made
                raises nothing: the page says so.
        """
        of_name = {result.case: result for result in results}
        cases = [
            self._told(number, case, of_name.get(case.name))
            for number, case in enumerate(self.cases, start=1)
        ]
        chosen = most_doubtful(cases)
        shots: dict[int, Shot | str] = {}
        with listener.progress("pictures", len(chosen) if has_ended else 0) as advance:
            for told in chosen:
                shots[told.number] = self._shot(told) if has_ended else TOO_EARLY
                advance(int(has_ended))
        record = {"options": dict(self.settings), "versions": versions()}
        write_study_report(Study(cases=cases, shots=shots, record=record, notice=NOTICE), self.path)

    def _told(self, number: int, case: Case, result: CaseResult | None) -> StudyCase:
        """What the page says of a case."""
        if result is None:
            return StudyCase(number, case.name, "left over")
        if result.status == "failed":
            return StudyCase(number, case.name, "failed", result.seconds, result.message)
        try:
            record = _read_record(self.work.written(case)[-1], self.work.outputs(case))
            objects = by_doubt([figures_of(row) for row in record["labels"]])
            made_by = f"{record['model']['name']} ({record['method']})"
        except CASE_ERRORS:
            # whatever is wrong with it: the results are there, and the rest of the page counts
            return StudyCase(number, case.name, result.status, result.seconds, NO_RECORD)
        return StudyCase(
            number, case.name, result.status, result.seconds, objects=objects, made_by=made_by
        )

    def _shot(self, told: StudyCase) -> Shot | str:
        """The picture of the least sure object of a case, or why it cannot be drawn."""
        case = self.cases[told.number - 1]
        with privacy.unnamed(case.roles), privacy.quiet_libraries(), unpacking():
            try:
                options = read_options_of(case)
                volume = options.volume(case.input)
                results = self.work.targets(case)
                return draw_doubtful(volume, options.stretch(volume), results, told.objects[0])
            except CASE_ERRORS as error:
                return f"This picture could not be drawn: {privacy.told(error)}"


def _read_record(path: Path, outputs: Sequence[Path]) -> dict[str, Any]:
    """The record of a case.

    Raises:
        InputError: It is that of other results.
        OSError, ValueError, LookupError, TypeError: It cannot be read.
    """
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["written"] != [output.name for output in outputs]:
        raise InputError("the record is that of other results")
    return dict(record)
