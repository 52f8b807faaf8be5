"""Window and level: from scanner values to the 8 bits that the networks were trained on.

One stretch for the whole volume, as in the published preprocessing of (Lite)MedSAM:

- CT: clip to `level - width / 2 ... level + width / 2` (HU), then `(x - min) / (max - min) * 255`
  where min and max are those *observed* after the clip, not the ends of the window.
- Everything else: clip to the 0.5 and 99.5 percentiles of the values above 0, the same stretch.
  The published script then sets what was exactly 0 (background) to 0; it is already, because 0
  lies below the lower percentile.

Padding (`Volume.padding`) counts for nothing and becomes 0, as background is. CT that is not said
to be in HU is windowed as CT only where its values look like HU (`AIR_SHARE`, `RAW_TISSUE`).

Both end in a truncation to uint8. Computed in float64 and slice by slice, so no second copy of
the volume is held.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from sam_common.errors import InputError
from sam_med.geometry.volume import HOUNSFIELD, UNSPECIFIED, in_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sam_med.geometry.volume import Volume

SHORT_BYTES = 2
"""Largest integers, in bytes, that are stretched by a table of all their values."""
Origin: TypeAlias = Literal["stated", "guessed"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A named CT window."""

    width: float
    """HU from the darkest to the brightest value."""
    level: float
    """HU of the middle value."""


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "soft": Preset(400, 40),
        "brain": Preset(80, 40),
        "mediastinum": Preset(350, 50),
        # the MedSAM paper's lung window; radiology's usual one is the next
        "lung-medsam": Preset(1500, -160),
        "lung": Preset(1500, -600),
    }
)
"""CT windows by name, in HU; the published networks were trained on these but for `lung`."""
DEFAULT_PRESET = "soft"
"""The CT window where none is named."""
PERCENTILES = (0.5, 99.5)
"""Percentiles of the values above 0 between which anything but CT is stretched; as published."""
RAW_TISSUE = 500
"""CT that is not in HU, but in numbers from 0 on, has tissue at about 1000; HU of a part of the
body without air and bone stay below this."""
AIR_HU, AIR_SHARE = -200, 0.01
"""A file that names no modality is taken for CT where this share of its values lies below this:
air and lung do; MR, PET and ultrasound hold (almost) no values so far below 0."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """How the values of one volume become 8 bits."""

    lower: float
    """Values below are set to this."""
    upper: float
    """Values above are set to this."""
    darkest: float
    """Smallest value of the volume after the clip: 0 in the result."""
    brightest: float
    """Largest value of the volume after the clip: 255 in the result."""
    modality: str | None
    """Modality that the volume was taken for; None where none is stated and it is not CT."""
    modality_origin: Origin
    """Whether the file or the user stated the modality, or it was guessed from the values."""
    rule: str
    """The rule in words, such as "soft (width 400, level 40)"."""
    inverted: bool = False
    """Whether large values become dark (MONOCHROME1), as the networks expect air to be."""
    padding: tuple[tuple[float, float], ...] = ()
    """Ranges of values, ends included, that are padding: 0 in the result, inverted or not."""

    def apply(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Any part of the volume stretched to uint8, in the same shape; NaN becomes 0."""
        if values.dtype.kind in "iu" and values.dtype.itemsize <= SHORT_BYTES:
            unsigned = np.dtype(f"u{values.dtype.itemsize}")
            table = _table(self, values.dtype)
            return np.asarray(table[values.view(unsigned)])
        return _exact(self, values)

    def describe(self) -> str:
        """One line with the modality, whether it was guessed, and the rule."""
        name = self.modality or "not CT"
        origin = " (guessed from the values)" if self.modality_origin == "guessed" else ""
        turned = ", inverted" if self.inverted else ""
        return f"modality {name}{origin}, intensities: {self.rule}{turned}"


def _exact(stretch: Stretch, values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Values stretched to uint8 in float64, as published."""
    exact = np.nan_to_num(
        values.astype(np.float64), nan=stretch.lower, posinf=np.inf, neginf=-np.inf
    )
    clipped = np.clip(exact, stretch.lower, stretch.upper)
    scaled = (clipped - stretch.darkest) / (stretch.brightest - stretch.darkest) * 255.0
    # infinite values, and NaN, may lie beyond the darkest and brightest that were found
    shades = np.clip(scaled, 0, 255).astype(np.uint8)
    if stretch.inverted:
        shades = 255 - shades
        shades[np.isnan(values)] = 0
    for ends in stretch.padding:
        shades[in_range(values, ends)] = 0
    return shades


@functools.lru_cache(maxsize=8)
def _table(stretch: Stretch, dtype: np.dtype[Any]) -> npt.NDArray[np.uint8]:
    """The 8-bit value of every value of a short integer type, by its bits as an unsigned number."""
    bits = np.arange(1 << (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}")
    return _exact(stretch, bits.view(dtype))


def choose_stretch(
    volume: Volume,
    *,
    preset: str | None = None,
    width: float | None = None,
    level: float | None = None,
) -> Stretch:
    """The stretch of a volume: by its modality, by a preset, or by a window of one's own.

    Args:
        volume: Its modality decides; where it states none, its values do (`AIR_SHARE`).
        preset: A name of `PRESETS`, CT only.
        width: Width of a window of one's own, in the units of the volume; any modality.
        level: Middle of that window; goes with `width`.

    Raises:
        InputError: Options do not go together, a preset is given for values that are not HU, or
            the volume shows no contrast in this window.
    """
    modality, origin = _modality(volume)
    if width is not None or level is not None:
        clip = _own_window(preset, width, level)
        rule = f"width {width:g}, level {level:g}"
    elif modality == "CT" and (guess := _hounsfield(volume)) is not None:
        name = preset or DEFAULT_PRESET
        chosen = _preset(name)
        clip = (chosen.level - chosen.width / 2, chosen.level + chosen.width / 2)
        rule = f"{name} (width {chosen.width:g}, level {chosen.level:g}){guess}"
    else:
        if preset is not None:
            raise _no_hounsfield(preset, modality, volume)
        clip = _percentile_clip(volume)
        low, high = PERCENTILES
        rule = f"percentiles {low} and {high} of the values above 0 ({clip[0]:g} to {clip[1]:g})"
    darkest, brightest = _observed(volume, clip, rule)
    return Stretch(
        *clip, darkest, brightest, modality, origin, rule, volume.inverted, _ranges(volume)
    )


def _ranges(volume: Volume) -> tuple[tuple[float, float], ...]:
    """The ranges of values that are padding in any slice, ascending."""
    return tuple(sorted({ends for ends in volume.padding if ends is not None}))


def _hounsfield(volume: Volume) -> str | None:
    """The end of the rule for a CT whose values are taken as HU; None where they are not."""
    if volume.units in {None, HOUNSFIELD}:
        return ""
    if volume.units == UNSPECIFIED and (_has_air(volume) or _ends(volume).max() < RAW_TISSUE):
        return ", taken as HU because of its values"
    return None


def _no_hounsfield(preset: str, modality: str | None, volume: Volume) -> InputError:
    """The error of a preset for values that are not HU."""
    if modality == "CT":
        return InputError(
            f"preset {preset} is a window in HU, but the values of this CT are {volume.units}: "
            "leave it out, or give --window and --level"
        )
    return InputError(
        f"preset {preset} is a CT window in HU, but the modality is "
        f"{modality or 'not CT'}: leave it out, give --window and --level, or --modality CT"
    )


def _modality(volume: Volume) -> tuple[str | None, Origin]:
    """The modality of a volume, and whether it was stated or guessed."""
    if volume.modality is not None:
        return volume.modality, "stated"
    return ("CT" if _has_air(volume) else None), "guessed"


def _has_air(volume: Volume) -> bool:
    """Whether `AIR_SHARE` of the values lie below `AIR_HU`."""
    below, total = 0, 0
    for part in _parts(volume):
        below += int(np.count_nonzero(part < AIR_HU))
        total += part.size
    return below > 0 and below >= AIR_SHARE * total


def _parts(volume: Volume) -> Iterator[npt.NDArray[Any]]:
    """All values but padding: in one piece where there is no padding, else slice by slice."""
    if not volume.padding:
        yield volume.array
        return
    for k in range(volume.shape[0]):
        if (part := volume.pixels_of(k)).size:
            yield part


def _preset(name: str) -> Preset:
    """The preset of a name, which must be known."""
    if name not in PRESETS:
        raise InputError(f"unknown preset: {name} (known: {', '.join(PRESETS)})")
    return PRESETS[name]


def _own_window(
    preset: str | None, width: float | None, level: float | None
) -> tuple[float, float]:
    """The ends of a window of one's own, whose width and level must go together."""
    if preset is not None:
        raise InputError(f"give a preset or a window of your own, got both ({preset})")
    if width is None or level is None:
        raise InputError(f"window and level go together, got window {width} and level {level}")
    if not (np.isfinite(width) and np.isfinite(level) and width > 0):
        raise InputError(
            f"window must be above 0 and both finite, got window {width} and level {level}"
        )
    return level - width / 2, level + width / 2


def _percentile_clip(volume: Volume) -> tuple[float, float]:
    """The ends of a window between `PERCENTILES` of the values above 0."""
    found = [part[(part > 0) & np.isfinite(part)] for part in _parts(volume)]
    positive = np.concatenate(found) if found else np.empty(0)
    if not positive.size:
        raise InputError(
            "no voxel is above 0, so there are no percentiles to stretch between: "
            "give --window and --level"
        )
    lower, upper = np.percentile(positive, PERCENTILES)
    return float(lower), float(upper)


def _observed(volume: Volume, clip: tuple[float, float], rule: str) -> tuple[float, float]:
    """Smallest and largest value of a volume after the clip to a window."""
    ends = _ends(volume)
    if not ends.size:
        raise InputError("every voxel is padding: there is nothing to segment")
    if np.isnan(ends).any():
        raise InputError("every voxel is NaN: there is nothing to segment")
    if ends[0] == ends[1]:
        raise InputError(f"constant image: every voxel is {ends[0]:g}, there is nothing to segment")
    darkest, brightest = np.clip(ends.astype(np.float64), *clip).tolist()
    if darkest == brightest:
        raise InputError(
            f"no contrast in the window {rule}: the values {ends[0]:g} to {ends[1]:g} lie outside; "
            "give another --preset, or --window and --level"
        )
    return darkest, brightest


def _ends(volume: Volume) -> npt.NDArray[Any]:
    """Smallest and largest value of a volume without NaN; empty where all is padding."""
    # fmin and fmax pass over NaN
    ends = [[np.fmin.reduce(p, axis=None), np.fmax.reduce(p, axis=None)] for p in _parts(volume)]
    if not ends:
        return np.empty(0)
    low, high = np.array(ends).T
    return np.array([np.fmin.reduce(low), np.fmax.reduce(high)])
