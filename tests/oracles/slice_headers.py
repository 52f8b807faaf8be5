"""Headers of slices made up by hand, and pixels that all differ."""

from __future__ import annotations

from pathlib import Path

from sam_med.headers.slice_header import SliceHeader

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def header(z, **changes):
    """An axial MR slice at height z, with other fields where given."""
    facts = {
        "path": Path(f"{z}{sorted(changes.items())}.dcm"),
        "series": "1.2",
        "number": "3",
        "modality": "MR",
        "size": (4, 5),
        "pixel_spacing_mm": (0.5, 0.75),
        "orientation": AXIAL,
        "position": (10.0, 20.0, float(z)),
    }
    return SliceHeader(**{**facts, **changes})


def different(one):
    """Every slice has pixels of its own."""
    return str(one.path).encode()


def of_code(series, code):
    """The first diagnostic of a code."""
    return next(d for d in series.diagnostics if d.code == code)


def same(_):
    """Every slice has the same pixels."""
    return b"same"
