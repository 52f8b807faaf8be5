"""SUV: the factor from the stored values of a PET to SUVbw, or why there is none.

```
SUVbw [g/ml] = activity [Bq/ml] * weight [g] / dose at the reference time [Bq]
```

The rules are those of the QIBA pseudo-code for vendor-neutral SUV ("happy path only") and of PS3.3,
C.8.9.1: pixels must be corrected for attenuation and decay; with DecayCorrection START the dose is
decayed from the injection to the start of the scan, with ADMIN it is taken as it was injected, and
values that are stored as g/ml are SUV already. One factor holds for a series only where all its
images say the same of what it is made of.
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
OF_ACTIVITY = ("CorrectedImage", "DecayCorrection", "PatientWeight")
OF_START = ("SeriesDate", "SeriesTime", "TimezoneOffsetFromUTC")
"""Tags that must say the same for all images: always, of activity, of a dose that decays."""
OF_DOSE = ("RadionuclideTotalDose", "RadionuclideHalfLife")
OF_INJECTION = ("RadiopharmaceuticalStartDateTime", "RadiopharmaceuticalStartTime")
"""The same of the one item of RadiopharmaceuticalInformationSequence."""
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
"""Codes (UCUM) of the same as units of real-world values."""
BODY_WEIGHT = frozenset({"", "BW"})
"""SUVType of values that are g/ml by body weight; the tag's default."""
CORRECTIONS = frozenset({"ATTN", "DECY"})
GRAMS_PER_KILOGRAM = 1000.0
LONGEST_HOURS = 24
"""An injection longer ago than this is a mistake of the dates."""
HEAVIEST_KG = 650.0
"""Nobody weighed more: a larger number is in grams, or a mistake."""
MINUTE_S = 60.0
DOSES_BQ = (1e4, 1e12)
"""A dose that is not between these is in MBq or mCi, or a mistake."""


@dataclasses.dataclass(frozen=True, slots=True)
class SuvFactor:
    """What turns rescaled values into SUVbw, or the reasons why nothing does."""

    factor: float | None
    reasons: tuple[str, ...] = ()


def assess(series: Series) -> Series:
    """A PET series with its SUV diagnostic and factor; any other as it is."""
    if series.modality != PET or not series.stacks:
        return series
    result = _of_mapping(series) or factor_of([header.path for header in series.slices])
    return dataclasses.replace(
        series,
        diagnostics=(*series.diagnostics, describe(result)),
        suv_factor=result.factor,
    )


def _of_mapping(series: Series) -> SuvFactor | None:
    """The factor of values that are mapped to real-world ones; None where Units tells of them."""
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
    try:
        read = [read_header(path, TAGS) for path in sorted(set(paths))]
        with quiet_pydicom():
            return suv_factor([one[0] for one in read if one is not None])
    except DAMAGE:
        return SuvFactor(None, ("a field that SUV needs holds no valid value",))


def suv_factor(datasets: list[Dataset]) -> SuvFactor:
    """The same for headers that are already read."""
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
    """The factor of values in Bq/ml."""
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
    """Why there is no one factor: tags of it in which some images say something else."""
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
    """Whether a file says how its values scale; of frames the functional groups do."""
    frames = tags.number(dataset, "NumberOfFrames") or 1
    return frames > 1 or any(tag in dataset for tag in ("RescaleSlope", MAPPINGS))


def _comparable(dataset: Dataset, tag: str) -> object:
    """A value that is the same for two ways of writing it, as 74 and 74.0 are."""
    value = tags.value(dataset, tag)
    if isinstance(value, str) or value is None:
        return value or ""
    number = tags.number(dataset, tag)
    return str(value) if number is None else number


def _reasons(head: Dataset) -> list[str]:
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
    needed = zip(("PatientWeight", *OF_DOSE), (weight, dose, half_life), strict=True)
    reasons = [f"{name} is missing or not positive" for name, value in needed if value is None]
    if weight is not None and weight > HEAVIEST_KG:
        reasons.append("PatientWeight is no weight in kilograms (in grams?)")
    if dose is not None and not DOSES_BQ[0] <= dose <= DOSES_BQ[1]:
        reasons.append("RadionuclideTotalDose is no dose in becquerels (in MBq or mCi?)")
    return reasons


def _elapsed_s(datasets: list[Dataset]) -> float | str:
    """Seconds from the injection to the start of the scan, or why they are not known."""
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
    """SeriesDate and SeriesTime, unless they lie after an acquisition (a later reconstruction)."""
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
    """Seconds as those of the scan, or why they are not known."""
    drug = _drug(head)
    whole = tags.text(drug, "RadiopharmaceuticalStartDateTime")
    clock = seconds(tags.text(drug, "RadiopharmaceuticalStartTime"))
    if whole:
        return _whole_injection(head, whole, clock)
    if clock is None:
        return "RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime are missing"
    injected = scan // SECONDS_A_DAY * SECONDS_A_DAY + clock
    # the time alone: on the day of the scan, or the evening before
    return injected - SECONDS_A_DAY if injected > scan else injected


def _whole_injection(head: Dataset, whole: str, clock: float | None) -> float | str:
    """A date and time, brought to the zone of the scan where it names another one.

    Where the file names no zone for the scan, that of the injection is taken for the same.
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
    return moment(tags.text(dataset, date), tags.text(dataset, time))


def _drug(head: Dataset) -> Dataset:
    """The one radiopharmaceutical; without tags where there is none, or several."""
    items = list(tags.value(head, SEQUENCE) or ())
    return items[0] if len(items) == 1 else Dataset()
