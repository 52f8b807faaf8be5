"""DICOM with faults: each is either read exactly and named, or refused and named, never silent.

The test file of each module has a table `FAULTS` of the faults that the module has to name: a
function that writes the files, the codes of the diagnostics, and whether the volume is read.
"""

from __future__ import annotations

import json

import pytest
from scans import LINE

from sam_med.files.read import read_volume
from sam_med.geometry.diagnostic_codes import CODES
from sam_med.geometry.diagnostics import RefusedError
from sam_med.report.geometry_report import describe_path

PRIVATE = ("CANARY", "19010203")
"""Names, paths and a date of the files that `DicomMaker` writes."""


def series(positions=LINE, pixels=None, **tags):
    """A fault that is a series of these positions, pixels and tags."""
    return lambda dicom: dicom.series(positions, pixels, **tags)


def heights(*z):
    """Positions of axial slices."""
    return [(10, 20, height) for height in z]


def one_slice(n=3, **tags):
    """A fault that is a series whose slice n has other tags."""
    return lambda dicom: dicom.change(dicom.series(LINE)[n], **tags)


def both(*faults):
    """Several faults in one folder."""

    def fault(dicom):
        for one in faults:
            one(dicom)

    return fault


def each(faults):
    """Parametrize a test by the rows of a table `FAULTS`."""
    ids = [f"{n}-{'-'.join(sorted(codes))}" for n, (_, codes, _) in enumerate(faults)]
    return pytest.mark.parametrize(("fault", "expected", "outcome"), faults, ids=ids)


def codes_in(facts):
    """All codes of diagnostics in what `describe_path` found."""
    told = list(facts["diagnostics"])
    for one in facts["series"]:
        told += one["diagnostics"]
    return {d["code"] for d in told}


def said_about(fault, expected, outcome, dicom):
    """Assert that a fault is named as expected; all texts that were said about it."""
    fault(dicom)
    facts = describe_path(dicom.folder)
    if outcome != "refused at the pixels":
        assert expected <= codes_in(facts)
    if outcome == "read":
        volume = read_volume(dicom.folder)
        assert expected <= {d.code for d in volume.diagnostics}
        assert all(d.severity != "error" for d in volume.diagnostics)
        return json.dumps(facts) + repr((volume.notes, volume.diagnostics, volume.header))
    with pytest.raises(RefusedError) as caught:
        read_volume(dicom.folder)
    told = {d.code for d in caught.value.diagnostics}
    assert told & expected
    assert any(CODES[code].severity == "error" for code in told)
    return json.dumps(facts) + str(caught.value)
