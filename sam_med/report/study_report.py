"""Study report: the page about the cases of a batch, those to look at first on top.

```
facts, what failed and why, what to do next          histogram of the confidence of objects
most doubtful cases: one picture of each             all cases: status, objects, their figures
```
It says what the records beside the results say. Cases have the names of the list, which the summary
has too: no file is named, and nothing of a header; the pictures show the patients.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from sam_common.pages.object_page import NONE, figure_text, score_bars
from sam_common.pages.template import TOLD, page_template
from sam_common.support.files import write_bytes
from sam_med.propagate.confidence import DOUBTFUL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sam_common.pages.object_page import Shot

Status: TypeAlias = Literal["done", "kept", "failed", "left over"]

MOST_PICTURES = 50
"""Cases with a picture; a picture has about 40 KB."""
MOST_OBJECTS = 12
"""Objects of a case that have a row."""
WORDS = {"kept": "done earlier"}
"""What a status is called on the page, where that is not its name."""
SCORE_NOTE = (
    "The confidence of an object is the median of its slices, each the smallest of the IoU that "
    "the network expects, stability, and agreement with the slices beside it and with the other "
    "planes."
)
CASES_NOTE = (
    "What failed comes first, then the cases whose least sure object is least sure, last those "
    "that are left over. \N{LEFT DOUBLE QUOTATION MARK}Dice at least\N{RIGHT DOUBLE QUOTATION MARK}"
    " is what nine of ten such objects have; a dash stands where there is not enough evidence."
)


@dataclass(frozen=True, slots=True)
class ObjectFigures:
    """What the record of a case says about one object."""

    name: str
    value: int
    """Value in label maps."""
    is_empty: bool
    """Whether nothing was found."""
    volume_ml: float | None = None
    confidence: float | None = None
    """0 to 1; None where no slice has one."""
    at_least: float | None = None
    """Dice that nine of ten such objects have; None where there is not enough evidence."""
    to_check: int | None = None
    """Slices to be looked at."""
    prompt_k: int = 0
    """Index of the slice in the middle of the prompt."""
    k: int | None = None
    """Index of the least sure slice; None where no slice has a confidence."""
    k_confidence: float | None = None
    """Confidence on that slice."""

    @property
    def doubt(self) -> float:
        """What objects are sorted by, the least first: nothing found, then the confidence."""
        if self.is_empty:
            return -1.0
        return math.inf if self.confidence is None else self.confidence


@dataclass(frozen=True, slots=True)
class StudyCase:
    """A case of the study."""

    number: int
    """Its place in the list, from 1."""
    name: str
    """As in the summary: the name in the list, never that of a file."""
    status: Status
    seconds: float = 0.0
    message: str = ""
    """Why it failed, or why nothing is known of its objects."""
    objects: Sequence[ObjectFigures] = ()
    """The least sure one first, see `by_doubt`."""
    made_by: str = ""
    """Network and method."""

    @property
    def rank(self) -> tuple[int, float, int]:
        """What cases are sorted by: failed, then by their least sure object, then left over."""
        group = {"failed": 0, "left over": 2}.get(self.status, 1)
        doubt = self.objects[0].doubt if self.objects else math.inf
        return group, doubt, self.number


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """Everything that the page says."""

    cases: Sequence[StudyCase]
    shots: Mapping[int, Shot | str] = field(default_factory=dict)
    """By the number of a case: the picture of its least sure object, or why there is none."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """How it was made: any values of JSON."""
    notice: str = ""


def figures_of(row: Mapping[str, Any]) -> ObjectFigures:
    """What a row of `labels` in a record says.

    Raises:
        LookupError, TypeError, ValueError: The row is none of this package.
    """
    worst = row.get("doubtful_slice") or {}
    ends = [int(row["prompt_ijk"][axis]) for axis in (2, 5)]
    return ObjectFigures(
        name=str(row["label"]),
        value=int(row["value"]),
        is_empty=row["status"] != "ok",
        volume_ml=_number(row["volume_ml"]),
        confidence=_number(row["confidence"]),
        at_least=_number(row["at_least"]),
        to_check=int(row["slices_to_check"]),
        prompt_k=sum(ends) // 2,
        k=int(worst["k"]) if worst else None,
        k_confidence=float(worst["confidence"]) if worst else None,
    )


def by_doubt(objects: Sequence[ObjectFigures]) -> list[ObjectFigures]:
    """Objects, the least sure one first; those without a confidence last."""
    return sorted(objects, key=lambda one: one.doubt)


def most_doubtful(cases: Sequence[StudyCase]) -> list[StudyCase]:
    """The cases that get a picture, the least sure one first: those that have an object."""
    return sorted((case for case in cases if case.objects), key=lambda case: case.rank)[
        :MOST_PICTURES
    ]


def write_study_report(study: Study, path: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        OutputError: The page cannot be written.
    """
    write_bytes(path, study_html(study).encode(errors="xmlcharrefreplace"))


def study_html(study: Study) -> str:
    """The HTML of the page."""
    cases = sorted(study.cases, key=lambda case: case.rank)
    looks = [case for case in most_doubtful(cases) if case.number in study.shots]
    objects = [one for case in cases for one in case.objects]
    scores = [math.nan if one.confidence is None else one.confidence for one in objects]
    template = page_template("sam_med.report", "study_page.html", {})
    return template.render(
        kicker="Segmented study",
        title=_count(len(cases), "case"),
        facts=_facts(cases, objects),
        failures=[f"{case.name}: {case.message}" for case in cases if case.status == "failed"],
        steps=list(next_steps(cases)),
        told=TOLD,
        scores=score_bars(np.array(scores, dtype=np.float64)),
        score_note=SCORE_NOTE,
        looks=[_look(case, study.shots[case.number]) for case in looks],
        looks_note=_looks_note(len(looks), sum(bool(case.objects) for case in cases)),
        cases=[_lines(case, has_picture=case in looks) for case in cases],
        cases_note=CASES_NOTE,
        record=study.record,
        notice=study.notice,
    )


def next_steps(cases: Sequence[StudyCase]) -> Iterator[str]:
    """What to do next, one sentence for each thing; one sentence too where there is nothing."""
    count = Counter(case.status for case in cases)
    is_quiet = True
    again = "run the same command with --resume, which does no finished case again"
    if failed := count["failed"]:
        is_quiet = False
        yield f"{_count(failed, 'case')} failed: mend what the reasons say, then {again}."
    if left := count["left over"]:
        is_quiet = False
        yield f"{_count(left, 'case')} left over, because the batch ended before: {again}."
    if unknown := sum(bool(case.message) for case in cases if case.status in {"done", "kept"}):
        is_quiet = False
        yield (
            f"{_count(unknown, 'finished case')} without a record that can be read: look at the "
            "results themselves."
        )
    empty = [case for case in cases if any(one.is_empty for one in case.objects)]
    if empty:
        is_quiet = False
        missed = sum(one.is_empty for case in empty for one in case.objects)
        yield (
            f"{_count(missed, 'object')} not found, in {_count(len(empty), 'case')}: check that "
            "the prompt is where the object is, and give a box where it was a point."
        )
    doubtful = [case for case in cases if any(one.to_check for one in case.objects)]
    if doubtful:
        is_quiet = False
        slices = sum(one.to_check or 0 for case in doubtful for one in case.objects)
        yield (
            f"{_count(slices, 'slice')} in {_count(len(doubtful), 'case')} have a confidence under "
            f"{DOUBTFUL:g}: look at them, the cases below first, and put right what is wrong with "
            "sam-med correct SCAN --segmentation RESULT, sam-med view SCAN, or in 3D Slicer."
        )
    if is_quiet:
        yield (
            "Every case is done, every object was found, and no slice is in doubt: look at some "
            "cases by chance all the same."
        )


def _facts(cases: Sequence[StudyCase], objects: Sequence[ObjectFigures]) -> list[tuple[str, str]]:
    """What stands on top of the page."""
    count = Counter(case.status for case in cases)
    told = [
        f"{count[status]:,} {WORDS.get(status, status)}"
        for status in ("done", "kept", "failed", "left over")
        if count[status]
    ]
    missed = sum(one.is_empty for one in objects)
    found = f"{len(objects) - missed:,} found" + (f", {missed:,} not found" if missed else "")
    made = sorted({case.made_by for case in cases if case.made_by})
    return [
        ("Cases", ", ".join(told)),
        ("Objects", found),
        ("Slices to check", f"{sum(one.to_check or 0 for one in objects):,}"),
        ("Made by", ", ".join(made) or NONE),
        ("Seconds of all cases", f"{sum(case.seconds for case in cases):,.1f}"),
    ]


def _looks_note(shown: int, known: int) -> str:
    """Which cases have a picture, in a sentence."""
    which = "All cases with objects have a picture, the least sure first"
    if shown < known:
        which = f"{shown:,} of {known:,} cases with objects have a picture, the least sure ones"
    return f"{which}: the slice on which the least sure object of the case is least sure."


def _look(case: StudyCase, shot: Shot | str) -> dict[str, Any]:
    """A picture with what stands under it."""
    worst = case.objects[0]
    found = "nothing was found" if worst.is_empty else f"confidence {figure_text(worst.confidence)}"
    picture, trouble = (None, shot) if isinstance(shot, str) else (shot, "")
    place = "" if picture is None else f"; {picture.caption}"
    return {
        "number": case.number,
        "name": case.name,
        "shot": picture,
        "trouble": trouble,
        "caption": f"{worst.name}, {found}{place}",
    }


def _lines(case: StudyCase, *, has_picture: bool) -> dict[str, Any]:
    """A case in the table."""
    shown = case.objects[:MOST_OBJECTS]
    rest = len(case.objects) - len(shown)
    return {
        "number": case.number,
        "name": case.name,
        "status": WORDS.get(case.status, case.status),
        "message": case.message or NONE,
        "has_picture": has_picture,
        "height": len(shown) + bool(rest),
        "more": f"and {rest:,} surer ones, see the record of the case" if rest else "",
        "rows": [
            {
                "name": one.name,
                "is_empty": one.is_empty,
                "volume": figure_text(one.volume_ml),
                "confidence": figure_text(one.confidence),
                "at_least": figure_text(one.at_least),
                "to_check": NONE if one.to_check is None else f"{one.to_check:,}",
            }
            for one in shown
        ],
    }


def _count(number: int, what: str) -> str:
    """A number of things.

    >>> _count(1, "case"), _count(1200, "case")
    ('1 case', '1,200 cases')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _number(value: Any) -> float | None:
    """A number of a record, or None."""
    return None if value is None else float(value)
