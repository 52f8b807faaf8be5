"""SUV: the factor from the stored values of a PET to SUVbw, or why there is none.

```
SUVbw [g/ml] = activity [Bq/ml] * weight [g] / dose at the reference time [Bq]
```

The rules are those of the QIBA pseudo-code for vendor-neutral SUV ("happy path only") and of PS3.3,
C.8.9.1: pixels must be corrected for attenuation and decay; with DecayCorrection START the dose is
decayed from the injection to the start of the scan, with ADMIN it is taken as it was injected, and
values that are stored as g/ml are SUV already.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import pydicom

from sam_med.diagnostics import Diagnostic, found
from sam_med.dicom_file import DAMAGE, quiet_pydicom

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

    from sam_med.series import Series

PET = "PT"
TAGS = (
    "Units",
    "SUVType",
    "CorrectedImage",
    "DecayCorrection",
    "PatientWeight",
    "SeriesDate",
    "SeriesTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "RadiopharmaceuticalInformationSequence",
)
ACTIVITY, SUV_ALREADY = "BQML", "GML"
BODY_WEIGHT = frozenset({"", "BW"})
"""SUVType of values that are g/ml by body weight; the tag's default."""
CORRECTIONS = frozenset({"ATTN", "DECY"})
GRAMS_PER_KILOGRAM = 1000.0
LONGEST_HOURS = 24
"""An injection longer ago than this is a mistake of the dates."""


@dataclasses.dataclass(frozen=True, slots=True)
class SuvFactor:
    """What turns rescaled values into SUVbw, or the reasons why nothing does."""

    factor: float | None
    reasons: tuple[str, ...] = ()


def assess(series: Series) -> Series:
    """A PET series with its SUV diagnostic and factor; any other as it is."""
    if series.modality != PET or not series.stacks:
        return series
    result = factor_of([header.path for header in series.slices])
    return dataclasses.replace(
        series,
        diagnostics=(*series.diagnostics, describe(result)),
        suv_factor=result.factor,
    )


def describe(result: SuvFactor) -> Diagnostic:
    """The diagnostic of a factor; it names fields, never their values."""
    if result.factor is None:
        return found("suv-refused", "; ".join(result.reasons), reasons=list(result.reasons))
    return found("suv-bw", f"values are multiplied by {result.factor:.6g}", factor=result.factor)


def factor_of(paths: list[Path]) -> SuvFactor:
    """The factor of a series, after its rescale.

    Args:
        paths: All files of the series; the earliest acquisition counts.
    """
    with quiet_pydicom():
        try:
            datasets = [
                pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS), force=True)
                for path in sorted(set(paths))
            ]
            return suv_factor(datasets)
        except DAMAGE:
            return SuvFactor(None, ("a field that SUV needs holds no valid value",))


def suv_factor(datasets: list[Dataset]) -> SuvFactor:
    """The same for headers that are already read."""
    head = datasets[0]
    units = str(head.get("Units", None) or "")
    if units == SUV_ALREADY:
        kind = str(head.get("SUVType", None) or "")
        if kind in BODY_WEIGHT:
            return SuvFactor(1.0)
        return SuvFactor(None, (f"SUVType is {kind}, not BW",))
    reasons = _reasons(head, units)
    dose, half_life, weight = _dose(head), _half_life(head), _number(head, "PatientWeight")
    reasons += [
        f"{name} is missing or not positive"
        for name, value in (
            ("PatientWeight", weight),
            ("RadionuclideTotalDose", dose),
            ("RadionuclideHalfLife", half_life),
        )
        if value is None
    ]
    if reasons or weight is None or dose is None or half_life is None:
        return SuvFactor(None, tuple(reasons))
    if head.DecayCorrection == "ADMIN":
        return SuvFactor(weight * GRAMS_PER_KILOGRAM / dose)
    elapsed = _elapsed_s(datasets)
    if isinstance(elapsed, str):
        return SuvFactor(None, (elapsed,))
    return SuvFactor(weight * GRAMS_PER_KILOGRAM / (dose * 2 ** (-elapsed / half_life)))


def _reasons(head: Dataset, units: str) -> list[str]:
    reasons = []
    if units != ACTIVITY:
        reasons.append(f"Units is {units or 'missing'}, not {ACTIVITY}")
    corrected = head.get("CorrectedImage", None) or ()
    words = {corrected} if isinstance(corrected, str) else set(corrected)
    reasons += [f"CorrectedImage lacks {word}" for word in sorted(CORRECTIONS - words)]
    decay = str(head.get("DecayCorrection", None) or "missing")
    if decay not in {"START", "ADMIN"}:
        reasons.append(f"DecayCorrection is {decay}, not START or ADMIN")
    return reasons


def _elapsed_s(datasets: list[Dataset]) -> float | str:
    """Seconds from the injection to the start of the scan, or why they are not known."""
    scan = _scan_start(datasets)
    if isinstance(scan, str):
        return scan
    injected = _injection(datasets[0], scan)
    if injected is None:
        return "RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime are missing"
    elapsed = (scan - injected).total_seconds()
    if not 0 <= elapsed <= LONGEST_HOURS * 3600:
        return "the injection is not within 24 hours before the scan"
    return elapsed


def _scan_start(datasets: list[Dataset]) -> dt.datetime | str:
    """SeriesDate and SeriesTime, unless they lie after an acquisition (a later reconstruction)."""
    started = _moment(datasets[0], "SeriesDate", "SeriesTime")
    acquired = [_moment(dataset, "AcquisitionDate", "AcquisitionTime") for dataset in datasets]
    known = [moment for moment in acquired if moment is not None]
    if started is None:
        return "SeriesDate or SeriesTime is missing"
    if len(known) < len(acquired):
        return "AcquisitionDate or AcquisitionTime is missing"
    if started > min(known):
        return "SeriesTime lies after the acquisition, so the reference time is not known"
    return started


def _injection(head: Dataset, scan: dt.datetime) -> dt.datetime | None:
    dose = _radiopharmaceutical(head)
    if dose is None:
        return None
    if whole := str(dose.get("RadiopharmaceuticalStartDateTime", None) or ""):
        return _parse(whole[:14], whole[14:])
    time = str(dose.get("RadiopharmaceuticalStartTime", None) or "")
    if not time:
        return None
    injected = _parse(scan.strftime("%Y%m%d") + time[:6], time[6:])
    # the time alone: on the day of the scan, or the evening before
    return injected - dt.timedelta(days=1) if injected > scan else injected


def _moment(dataset: Dataset, date: str, time: str) -> dt.datetime | None:
    day, clock = str(dataset.get(date, None) or ""), str(dataset.get(time, None) or "")
    if not day or not clock:
        return None
    return _parse(day + clock[:6], clock[6:])


def _parse(whole: str, fraction: str) -> dt.datetime:
    """DICOM's YYYYMMDDHHMMSS and .FFFFFF; an offset from UTC is the same for all of a file."""
    digits = fraction.replace("-", "+").partition("+")[0].lstrip(".")
    moment = dt.datetime.strptime(whole.ljust(14, "0"), "%Y%m%d%H%M%S")  # noqa: DTZ007
    return moment + dt.timedelta(seconds=float(f"0.{digits}") if digits else 0.0)


def _radiopharmaceutical(head: Dataset) -> Dataset | None:
    items = head.get("RadiopharmaceuticalInformationSequence", None)
    return items[0] if items is not None and len(items) == 1 else None


def _dose(head: Dataset) -> float | None:
    dose = _radiopharmaceutical(head)
    return None if dose is None else _number(dose, "RadionuclideTotalDose")


def _half_life(head: Dataset) -> float | None:
    dose = _radiopharmaceutical(head)
    return None if dose is None else _number(dose, "RadionuclideHalfLife")


def _number(dataset: Dataset, tag: str) -> float | None:
    value = dataset.get(tag, None)
    number = float(value) if value is not None and value != "" else 0.0
    return number if number > 0 else None
