"""The table of diagnostic codes, and that faulty DICOM names nearly all of them."""

from __future__ import annotations

import ast
from pathlib import Path

from sam_med.geometry.diagnostic_codes import CODES

TESTS = Path(__file__).parents[1]


def faults():
    """The codes of each row of the tables `FAULTS` in the tests of the rooms."""
    for path in TESTS.glob("*/test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FAULTS":
                yield from (ast.literal_eval(row.elts[1]) for row in node.value.elts)


def test_every_code_says_what_is_done():
    for code, row in CODES.items():
        assert code == code.lower()
        assert " " not in code
        assert row.severity in {"note", "warning", "error"}
        assert row.meaning
        assert row.action


def test_the_corpus_is_large_and_names_most_codes():
    rows = list(faults())
    assert len(rows) >= 60
    # volume files are tested with their formats, tiles and tables with theirs, SUV with PET
    elsewhere = {
        "affine-conflict", "no-affine", "scaled-units", "sheared-axes", "layers", "mosaic",
        "value-table", "suv-bw", "unknown-units", "no-units", "unknown-space", "mirrored-space",
        "orientation-conflict", "padding", "joined-series", "closed-folders", "missing-files",
        "mixed-units", "other-values", "real-world-values", "stated-rescale", "ends-of-axes",
        "whole-slide", "unordered-images", "damaged-tags", "mixed-photometric",
    }  # fmt: skip
    assert set(CODES) - set().union(*rows) == elsewhere
