"""A folder of DICOM series to look through."""

from __future__ import annotations

import pytest
from scans import LINE

OTHER = [(10, 20, 30 + 3 * n) for n in range(4)]


@pytest.fixture
def two(dicom):
    """A tree with two series and things beside them."""
    dicom.series(LINE)
    dicom.series(OTHER, SeriesInstanceUID="1.2.3", SeriesNumber=2, Modality="MR")
    (dicom.folder / "sub" / "CANARY").mkdir(parents=True)
    for n, path in enumerate(sorted(dicom.folder.glob("*.dcm"))):
        if n % 2:
            path.rename(dicom.folder / "sub" / "CANARY" / path.name)
    (dicom.folder / "sub" / "readme").write_text("hello")
    return dicom.folder
