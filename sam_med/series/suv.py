"""SUV: the factor from the rescaled values of a PET to SUVbw, or the reasons why there is none.

```
SUVbw [g/ml] = activity [Bq/ml] * weight [g] / dose at the reference time [Bq]
```

The rules are those of the QIBA pseudo-code for vendor-neutral SUV ("happy path only") and of PS3.3,
C.8.9.1. Pixels must be corrected for attenuation and decay. With DecayCorrection START the dose is
decayed from the injection to the start of the scan, with ADMIN it is taken as injected. Values
stored as g/ml are SUV already. A series has a factor only where all its images state the same dose,
weight, times and corrections.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from sam_med.dicom import tag_values as tags
from sam_med.dicom.encoding import DAMAGE, quiet_pydicom, read_header
from sam_med.geometry.diagnostics import Diagnostic, found
from sam_med.headers.image_times import SECONDS_A_DAY, moment, offset_s, seconds
from sam_med.headers.real_world import SEQUENCE as MAPPINGS

if TYPE_CHECKING:
    from pathlib import Path

    from sam_med.series.grouping import Series

PET = "PT"
OF_VALUES = ("Units", "SUVType")
"""Tags in which all images of a series must agree."""
OF_ACTIVITY = ("CorrectedImage", "DecayCorrection", "PatientWeight")
"""Tags in which images of activity (Bq/ml) must agree."""
OF_START = ("SeriesDate", "SeriesTime", "TimezoneOffsetFromUTC")
"""Tags in which images must agree where the dose is decayed to the start of the scan."""
OF_DOSE = ("RadionuclideTotalDose", "RadionuclideHalfLife")
"""Tags of the radiopharmaceutical in which images of activity must agree."""
OF_INJECTION = ("RadiopharmaceuticalStartDateTime", "RadiopharmaceuticalStartTime")
"""Tags of the radiopharmaceutical in which images must agree where the dose is decayed."""
SEQUENCE = "RadiopharmaceuticalInformationSequence"
ACQUIRED = ("AcquisitionDate", "AcquisitionTime")
TAGS = (
    "NumberOfFrames",
    "RescaleSlope",
    MAPPINGS,
    *OF_VALUES,
    *OF_ACTIVITY,
    *OF_START,
    *ACQUIRED,
    SEQUENCE,
)
ACTIVITY, SUV_ALREADY = "BQML", "GML"
MAPPED_SUV, MAPPED_ACTIVITY = "{SUVbw}g/ml", "Bq/ml"
"""UCUM codes of SUVbw and activity as units of real-world values."""
BODY_WEIGHT = frozenset({"", "BW"})
"""SUVType of SUV by body weight, which is the default."""
CORRECTIONS = frozenset({"ATTN", "DECY"})
"""Words of CorrectedImage for attenuation and decay, which SUV needs."""
GRAMS_PER_KILOGRAM = 1000.0
LONGEST_HOURS = 24
"""Longest time from the injection to the scan; a longer one is a mistake of the dates."""
HEAVIEST_KG = 650.0
"""Largest weight of a person; a larger number is in grams, or a mistake."""
MINUTE_S = 60.0
"""Largest difference of two times of day that state the same injection."""
DOSES_BQ = (1e4, 1e12)
"""Smallest and largest plausible dose; any other is in MBq or mCi, or a mistake."""


@dataclasses.dataclass(frozen=True, slots=True)
class SuvFactor:
    """The factor from rescaled values to SUVbw, or the reasons why there is none."""

    factor: float | None
    reasons: tuple[str, ...] = ()


def assess(series: Series) -> Series:
    """A PET series with its SUV factor and a diagnostic about it; any other series unchanged."""
    if series.modality != PET or not series.stacks:
        return series
    result = _of_mapping(series) or _factor_of_files([header.path for header in series.slices])
    return dataclasses.replace(
        series,
        diagnostics=(*series.diagnostics, _diagnostic(result)),
        suv_factor=result.factor,
    )


def _of_mapping(series: Series) -> SuvFactor | None:
    """The factor for a real-world value mapping; None where the mapping, if any, is to Bq/ml."""
    mapped = [header for header in series.slices if header.mapping == "applied"]
    if not mapped:
        return None
    units = {header.units for header in mapped}
    if len(mapped) == len(series.slices) and units == {MAPPED_SUV}:
        return SuvFactor(1.0)
    if len(mapped) == len(series.slices) and units == {MAPPED_ACTIVITY}:
        return None
    listed = " and ".join(sorted(unit or "of no unit" for unit in units))
    return SuvFactor(None, (f"{len(mapped)} images are mapped to values {listed}",))


def _diagnostic(result: SuvFactor) -> Diagnostic:
    """The diagnostic of a factor, or of the reasons against one."""
    if result.factor is None:
        return found("suv-refused", "; ".join(result.reasons), reasons=list(result.reasons))
    return found("suv-bw", f"values are multiplied by {result.factor:.6g}", factor=result.factor)


def _factor_of_files(paths: list[Path]) -> SuvFactor:
    """The factor by the headers of all files of a series."""
    try:
        read = [read_header(path, TAGS) for path in sorted(set(paths))]
        with quiet_pydicom():
            return _factor_of_headers([one[0] for one in read if one is not None])
    except DAMAGE:
        return SuvFactor(None, ("a field that SUV needs holds no valid value",))


def _factor_of_headers(datasets: list[Dataset]) -> SuvFactor:
    """The factor by headers that hold `TAGS`; the earliest acquisition counts."""
    head = datasets[0]
    if reasons := _differing(datasets):
        return SuvFactor(None, reasons)
    if not all(_is_scaled(dataset) for dataset in datasets):
        return SuvFactor(None, ("RescaleSlope is missing",))
    if tags.text(head, "Units") == SUV_ALREADY:
        kind = tags.text(head, "SUVType")
        if kind in BODY_WEIGHT:
            return SuvFactor(1.0)
        return SuvFactor(None, (f"SUVType is {kind}, not BW",))
    return _of_activity(datasets)


def _of_activity(datasets: list[Dataset]) -> SuvFactor:
    """The factor of values that are not in g/ml, so they must be in Bq/ml."""
    head = datasets[0]
    drug = _drug(head)
    weight = tags.positive(head, "PatientWeight")
    dose, half_life = (tags.positive(drug, tag) for tag in OF_DOSE)
    reasons = (*_reasons(head), *_implausible(weight, dose, half_life))
    if reasons or weight is None or dose is None or half_life is None:
        return SuvFactor(None, reasons)
    elapsed = 0.0 if tags.text(head, "DecayCorrection") == "ADMIN" else _elapsed_s(datasets)
    if isinstance(elapsed, str):
        return SuvFactor(None, (elapsed,))
    return SuvFactor(weight * GRAMS_PER_KILOGRAM / (dose * 2 ** (-elapsed / half_life)))


def _differing(datasets: list[Dataset]) -> tuple[str, ...]:
    """Reasons: the needed tags in which not all images agree."""
    head = datasets[0]
    of_series, of_drug = list(OF_VALUES), list[str]()
    if tags.text(head, "Units") != SUV_ALREADY:
        of_series += OF_ACTIVITY
        of_drug += OF_DOSE
        if tags.text(head, "DecayCorrection") != "ADMIN":
            of_series += OF_START
            of_drug += OF_INJECTION
    drugs = [_drug(dataset) for dataset in datasets]
    among = [*((tag, datasets) for tag in of_series), *((tag, drugs) for tag in of_drug)]
    return tuple(
        f"{tag} is not the same for all images"
        for tag, images in among
        if len({_comparable(image, tag) for image in images}) > 1
    )


def _is_scaled(dataset: Dataset) -> bool:
    """Whether a file states the scale of its values, which frames do in functional groups."""
    frames = tags.number(dataset, "NumberOfFrames") or 1
    return frames > 1 or any(tag in dataset for tag in ("RescaleSlope", MAPPINGS))


def _comparable(dataset: Dataset, tag: str) -> object:
    """The value of a tag in a form that is equal for equal numbers, such as 74 and 74.0."""
    value = tags.value(dataset, tag)
    if isinstance(value, str) or value is None:
        return value or ""
    number = tags.number(dataset, tag)
    return str(value) if number is None else number


def _reasons(head: Dataset) -> list[str]:
    """Reasons: units, corrections or radiopharmaceuticals for which there is no factor."""
    reasons = []
    units = tags.text(head, "Units")
    if units != ACTIVITY:
        reasons.append(f"Units is {units or 'missing'}, not {ACTIVITY}")
    corrected = tags.value(head, "CorrectedImage") or ()
    words = {corrected} if isinstance(corrected, str) else set(corrected)
    reasons += [f"CorrectedImage lacks {word}" for word in sorted(CORRECTIONS - words)]
    decay = tags.text(head, "DecayCorrection") or "missing"
    if decay not in {"START", "ADMIN"}:
        reasons.append(f"DecayCorrection is {decay}, not START or ADMIN")
    drugs = len(tags.value(head, SEQUENCE) or ())
    if drugs > 1:
        reasons.append(f"{SEQUENCE} lists {drugs} radiopharmaceuticals")
    return reasons


def _implausible(weight: float | None, dose: float | None, half_life: float | None) -> list[str]:
    """Reasons: a weight (kg), dose (Bq) or half-life (s) that is missing or implausible."""
    needed = zip(("PatientWeight", *OF_DOSE), (weight, dose, half_life), strict=True)
    reasons = [f"{name} is missing or not positive" for name, value in needed if value is None]
    if weight is not None and weight > HEAVIEST_KG:
        reasons.append("PatientWeight is no weight in kilograms (in grams?)")
    if dose is not None and not DOSES_BQ[0] <= dose <= DOSES_BQ[1]:
        reasons.append("RadionuclideTotalDose is no dose in becquerels (in MBq or mCi?)")
    return reasons


def _elapsed_s(datasets: list[Dataset]) -> float | str:
    """Seconds from the injection to the start of the scan, or the reason why they are unknown."""
    scan = _scan_start(datasets)
    if isinstance(scan, str):
        return scan
    injected = _injection(datasets[0], scan)
    if isinstance(injected, str):
        return injected
    elapsed = scan - injected
    if not 0 <= elapsed <= LONGEST_HOURS * 3600:
        return "the injection is not within 24 hours before the scan"
    return elapsed


def _scan_start(datasets: list[Dataset]) -> float | str:
    """Seconds from the year 1 to the start of the scan, or the reason why it is unknown.

    A SeriesTime after an acquisition is that of a later reconstruction.
    """
    started = _moment(datasets[0], "SeriesDate", "SeriesTime")
    acquired = [_moment(dataset, *ACQUIRED) for dataset in datasets]
    known = [when for when in acquired if when is not None]
    if started is None:
        return "SeriesDate or SeriesTime is missing or holds no time"
    if len(known) < len(acquired):
        return "AcquisitionDate or AcquisitionTime is missing or holds no time"
    if started > min(known):
        return "SeriesTime lies after the acquisition, so the reference time is not known"
    return started


def _injection(head: Dataset, scan: float) -> float | str:
    """Seconds from the year 1 to the injection, or the reason why they are unknown."""
    drug = _drug(head)
    whole = tags.text(drug, "RadiopharmaceuticalStartDateTime")
    clock = seconds(tags.text(drug, "RadiopharmaceuticalStartTime"))
    if whole:
        return _whole_injection(head, whole, clock)
    if clock is None:
        return "RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime are missing"
    injected = scan // SECONDS_A_DAY * SECONDS_A_DAY + clock
    # a time without a date is on the day of the scan, or on the evening before
    return injected - SECONDS_A_DAY if injected > scan else injected


def _whole_injection(head: Dataset, whole: str, clock: float | None) -> float | str:
    """Seconds from the year 1 to an injection of a stated date, in the time zone of the scan.

    Where the file states no zone of the scan, it is taken to be that of the injection.
    """
    injected, offset = moment(whole[:8], whole[8:]), offset_s(whole)
    if injected is None:
        return "RadiopharmaceuticalStartDateTime holds no time"
    if offset is None:
        return injected
    zone = offset_s(tags.text(head, "TimezoneOffsetFromUTC"))
    local = injected + offset
    if zone is not None:
        return injected + zone
    if clock is not None and abs(local % SECONDS_A_DAY - clock) > MINUTE_S:
        return (
            "RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime contradict each "
            "other, and TimezoneOffsetFromUTC is missing"
        )
    return local


def _moment(dataset: Dataset, date: str, time: str) -> float | None:
    """Seconds from the year 1 to the moment in two tags; None where one is missing or wrong."""
    return moment(tags.text(dataset, date), tags.text(dataset, time))


def _drug(head: Dataset) -> Dataset:
    """The item of the radiopharmaceutical; an empty one where there is none, or several."""
    items = list(tags.value(head, SEQUENCE) or ())
    return items[0] if len(items) == 1 else Dataset()
