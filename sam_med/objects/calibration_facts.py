"""Facts of calibration as measured, by `python -m tests.benchmarks.calibration`.

Steps are (least score or confidence, bound of the Dice), ascending.
"""

from __future__ import annotations

LEVEL = 0.9
"""Share of left-out objects and slices that have their bound."""
MODEL, METHOD = "lite_medsam", "planes"
"""Network and method that were measured, by tight 3-D boxes."""
VOLUMES = {"CT": 5, "MR": 7, "PT": 1}
"""Public volumes that were measured of each modality, with 23 structures in all."""
OBJECTS: tuple[tuple[float, float], ...] = (
    (0, 0.000),
    (0.5, 0.792),
)
"""By the score of an object."""
SLICES: tuple[tuple[float, float], ...] = (
    (0, 0.000),
    (0.3, 0.365),
    (0.5, 0.537),
    (0.6, 0.537),
    (0.7, 0.537),
    (0.8, 0.721),
    (0.85, 0.863),
    (0.9, 0.914),
)
"""By the confidence of a slice."""
