"""Diagnostics: their fields, their line, and the error that carries them."""

from __future__ import annotations

import json

import pytest

from sam_common.errors import GeometryError, InputError
from sam_med.geometry.diagnostic_codes import CODES
from sam_med.geometry.diagnostics import Diagnostic, RefusedError, errors_of, found

UNEVEN = found("uneven-spacing", "usually 2 mm but 3 mm", usual_mm=2.0, gaps=[3.0])
MIXED = found("mixed-series", "2 series")


def test_severity_and_action_are_those_of_the_code():
    row = CODES["uneven-spacing"]
    assert (UNEVEN.severity, UNEVEN.action) == (row.severity, row.action)
    with pytest.raises(KeyError):
        found("no-such-code", "nothing")


def test_a_line_for_people_and_a_mapping_for_scripts():
    assert UNEVEN.line == (
        "uneven-spacing: usually 2 mm but 3 mm (read with every slice at its true position)"
    )
    assert json.loads(json.dumps(UNEVEN.describe())) == {
        "code": "uneven-spacing",
        "severity": "warning",
        "message": "usually 2 mm but 3 mm",
        "action": "read with every slice at its true position",
        "numbers": {"usual_mm": 2.0, "gaps": [3.0]},
    }


def test_numbers_cannot_be_changed():
    with pytest.raises(TypeError):
        UNEVEN.numbers["usual_mm"] = 1.0


def test_a_refusal_says_all_its_reasons():
    error = RefusedError([UNEVEN, MIXED])
    assert error.diagnostics == (UNEVEN, MIXED)
    assert str(error) == f"{UNEVEN.line}; {MIXED.line}"
    assert isinstance(error, GeometryError | InputError)


def test_only_errors_keep_a_scan_from_being_read():
    note = Diagnostic("mosaic", "note", "6 tiles", "cut")
    assert errors_of([UNEVEN, MIXED, note]) == (MIXED,)
    assert errors_of([]) == ()
