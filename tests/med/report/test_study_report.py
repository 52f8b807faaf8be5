"""Study report: every case on one page, what failed and what is least sure first, in few bytes."""

from __future__ import annotations

import numpy as np
import pytest
from pages import Page, words

from sam_common.errors import OutputError
from sam_common.pages.object_page import NONE, Shot
from sam_med.report import study_report
from sam_med.report.study_report import (
    MOST_OBJECTS,
    MOST_PICTURES,
    ObjectFigures,
    Study,
    StudyCase,
    by_doubt,
    figures_of,
    most_doubtful,
    next_steps,
    study_html,
    write_study_report,
)

NASTY = "<b onclick=x>&\"'"
ROW = {
    "label": "liver",
    "value": 3,
    "status": "ok",
    "prompt_ijk": [0, 0, 4, 9, 9, 8],
    "volume_ml": 1480.25,
    "confidence": 0.91,
    "at_least": 0.875,
    "slices_to_check": 2,
    "doubtful_slice": {"k": 7, "confidence": 0.5},
}


def found(name="liver", confidence=0.9, **more):
    return ObjectFigures(name, 1, is_empty=False, confidence=confidence, **more)


def missed(name="cyst"):
    return ObjectFigures(name, 2, is_empty=True, prompt_k=3)


def case(number, *objects, status="done", name=None, **more):
    return StudyCase(number, name or f"c{number}", status, 1.5, objects=by_doubt(objects), **more)


def shot(caption="axial, k = 3"):
    return Shot.of(np.full((20, 30, 3), 90, np.uint8), "a slice", caption)


def page(cases, shots=None, **more):
    return Page(study_html(Study(cases=cases, shots=shots or {}, **more)))


def rows(made):
    return [words(each).replace(NONE, "-") for each in made.find("tr")][1:]


STUDY = [
    case(1, found(volume_ml=1480.25, at_least=0.875, to_check=0)),
    case(2, found(confidence=0.4, to_check=5), found("spleen", 0.95, to_check=1)),
    case(3, status="failed", message="no such file: the input"),
    case(4, found(confidence=0.8), missed(), status="kept"),
    case(5, status="left over"),
    case(6, message="no record"),
]


def test_what_a_record_says_of_an_object():
    assert figures_of(ROW) == ObjectFigures(
        *("liver", 3, False, 1480.25, 0.91, 0.875, 2), prompt_k=6, k=7, k_confidence=0.5
    )
    older = {**ROW, "confidence": None, "doubtful_slice": None, "status": "empty"}
    assert figures_of(older) == ObjectFigures(
        *("liver", 3, True, 1480.25, None, 0.875, 2), prompt_k=6
    )
    del older["doubtful_slice"]
    assert figures_of(older).k is None


def test_cases_come_in_the_order_in_which_they_need_somebody():
    made = page(STUDY)
    assert rows(made) == [
        "3 c3 failed no such file: the input",
        "4 c4 done earlier cyst not found - - - -",
        "liver - 0.8 - -",
        "2 c2 done liver - 0.4 - 5",
        "spleen - 0.95 - 1",
        "1 c1 done liver 1,480 0.9 0.875 0",
        "6 c6 done no record",
        "5 c5 left over -",
    ]
    facts = dict(zip(map(words, made.find("dt")), map(words, made.find("dd")), strict=False))
    assert facts["Cases"] == "3 done, 1 done earlier, 1 failed, 1 left over"
    assert facts["Objects"] == "4 found, 1 not found"
    assert facts["Slices to check"] == "6"
    assert facts["Seconds of all cases"] == "9.0"
    assert "Of 5 objects a tenth lies under" not in made.text
    assert "Of 4 objects a tenth lies under" in made.text
    assert "1 have none" in made.text


def test_what_to_do_next_is_said():
    assert [step.split(":")[0] for step in next_steps(STUDY)] == [
        "1 case failed",
        "1 case left over, because the batch ended before",
        "1 finished case without a record that can be read",
        "1 object not found, in 1 case",
        "6 slices in 1 case have a confidence under 0.7",
    ]
    (step,) = next_steps([case(1, found(to_check=0))])
    assert step.startswith("Every case is done, every object was found")


def test_pictures_are_of_the_least_sure_cases(monkeypatch):
    assert MOST_PICTURES == 50
    monkeypatch.setattr(study_report, "MOST_PICTURES", 2)
    assert [one.number for one in most_doubtful(STUDY)] == [4, 2]
    made = page(STUDY, {4: shot(), 2: "This picture could not be drawn: why", 1: shot()})
    figures = [words(each) for each in made.find("figure")]
    assert figures == [
        "c4: cyst, nothing was found; axial, k = 3",
        "This picture could not be drawn: why c2: liver, confidence 0.4",
    ]
    assert "2 of 3 cases with objects have a picture" in made.text
    # what is named is on the page: a picture leads to its row, and the row to the picture
    places = {f"#{each['id']}" for each in made.elements if each.get("id")}
    assert sorted(made.fetched) == ["#case-2", "#case-4", "#row-2", "#row-4"]
    assert set(made.fetched) <= places


def test_the_page_stands_alone_and_escapes():
    cases = [
        case(1, found(NASTY), name=NASTY),
        case(2, status="failed", message=NASTY, name=NASTY),
    ]
    made = page(cases, {1: NASTY}, record={NASTY: NASTY}, notice=NASTY)
    assert made.find("script") == []
    assert [each.get("onclick") for each in made.find("b")] == []
    assert made.text.count(NASTY) >= 9


def test_of_very_many_objects_the_least_sure_have_a_row():
    count = MOST_OBJECTS + 3
    made = page([case(1, *(found(f"o{n}", 0.9 - n / 100) for n in range(count)))])
    assert len(rows(made)) == MOST_OBJECTS + 1
    assert rows(made)[-1] == "and 3 surer ones, see the record of the case"
    assert rows(made)[0].startswith(f"1 c1 done o{count - 1} ")
    (name,) = (each for each in made.find("th") if each.get("scope") == "rowgroup")
    assert name["rowspan"] == str(MOST_OBJECTS + 1)


def test_a_thousand_cases_make_a_page_that_can_be_sent():
    noise = np.random.default_rng(0).integers(0, 255, (330, 330, 3)).astype(np.uint8)
    picture = Shot.of(noise, "noise, which no picture of a scan is worse than")
    cases = [case(n, found(confidence=n / 1000), found("spleen")) for n in range(1, 1001)]
    shots = {one.number: picture for one in most_doubtful(cases)}
    text = study_html(Study(cases=cases, shots=shots))
    rest = len(text) - 50 * len(picture.uri)
    assert text.count("<img ") == 50
    assert rest < 1_100_000


def test_a_study_without_an_object_has_a_page():
    made = page([case(1, status="failed", message="why")])
    assert made.find("section", id="scores") == made.find("section", id="look") == []
    assert "c1: why" in made.text


def test_a_folder_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        write_study_report(Study(cases=STUDY), tmp_path / "no" / "page.html")
