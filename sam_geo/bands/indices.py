"""Spectral indices by name, such as NDVI, from bands that are known by name (package `spyndex`)."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import spyndex

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

ROLES: Mapping[str, tuple[str, ...]] = {
    "A": ("coastal", "aerosol", "coastal_aerosol", "b01"),
    "B": ("blue", "b02"),
    "G": ("green", "b03"),
    "Y": ("yellow",),
    "R": ("red", "b04"),
    "RE1": ("rededge", "rededge1", "red_edge", "red_edge_1", "rededge071", "b05"),
    "RE2": ("rededge2", "red_edge_2", "rededge075", "b06"),
    "RE3": ("rededge3", "red_edge_3", "rededge078", "b07"),
    "N": ("nir", "nir1", "near_infrared", "b08"),
    "N2": ("nir2", "nir08", "narrow_nir", "nir_narrow", "b8a"),
    "WV": ("water_vapour", "water_vapor", "nir09", "b09"),
    "S1": ("swir1", "swir_1", "swir16", "b11"),
    "S2": ("swir2", "swir_2", "swir22", "b12"),
    "T": ("thermal", "lwir"),
    "T1": ("thermal1", "lwir11"),
    "T2": ("thermal2", "lwir12"),
}
"""Names that bands have in files, by what spyndex calls them. Names with two figures are those of
Sentinel-2; `B4` and the like are another band for each sensor and stand for none."""


@dataclass(frozen=True, slots=True)
class SpectralIndex:
    """An index and the bands that it is computed from."""

    name: str
    """As spyndex spells it."""
    bands: tuple[tuple[str, int], ...]
    """Its bands as spyndex calls them, with their positions in a stack."""

    def compute(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The index of every pixel.

        Args:
            values: (B, h, w) all bands of the stack.

        Returns:
            (h, w) values, NaN where the index is not defined (nothing over nothing) or a band has
            no value.
        """
        constants = {
            name: spyndex.constants[name].default
            for name in spyndex.indices[self.name].bands
            if name in spyndex.constants
        }
        bands = {role: values[position].astype(np.float64) for role, position in self.bands}
        with np.errstate(all="ignore"):
            found = np.asarray(spyndex.computeIndex(self.name, {**constants, **bands}))
        return np.where(np.isfinite(found), found, np.nan).astype(np.float32)


def find_indices(names: Sequence[str], band_names: Sequence[str]) -> tuple[SpectralIndex, ...]:
    """Indices that a user asks for, with the bands that they need.

    Args:
        names: Names as spyndex has them, in any letter case.
        band_names: (B,) names of the bands of a stack.

    Raises:
        InputError: There is no such index, it needs constants that have no usual value, or a band
            that no name says is there.
    """
    known = {name.lower(): name for name in spyndex.indices}
    places = _places(band_names)
    found = []
    for asked in names:
        if (name := known.get(asked.strip().lower())) is None:
            near = difflib.get_close_matches(asked.strip().lower(), known, n=3)
            hint = f": did you mean {', '.join(known[each] for each in near)}?" if near else ""
            raise InputError(f"no spectral index {asked!r}{hint} (names are those of spyndex)")
        found.append(SpectralIndex(name, _bands(name, places, band_names)))
    return tuple(found)


def _bands(
    name: str, places: Mapping[str, int], band_names: Sequence[str]
) -> tuple[tuple[str, int], ...]:
    needed = [part for part in spyndex.indices[name].bands if part not in spyndex.constants]
    unset = [
        part
        for part in spyndex.indices[name].bands
        if part in spyndex.constants and spyndex.constants[part].default is None
    ]
    if unset or any(part not in ROLES for part in needed):
        special = ", ".join(unset or [part for part in needed if part not in ROLES])
        raise InputError(f"index {name} cannot be computed from bands alone: it needs {special}")
    if missing := [part for part in needed if part not in places]:
        wanted = ", ".join(ROLES[part][0] for part in missing)
        raise InputError(
            f"index {name} needs {wanted}, and the bands are {', '.join(band_names)}: name them "
            f"in their order, such as --band-names blue,green,red,nir"
        )
    return tuple((part, places[part]) for part in needed)


def _places(band_names: Sequence[str]) -> dict[str, int]:
    """Position of each role; the first of several bands that a name fits."""
    roles = {spelled: role for role, names in ROLES.items() for spelled in names}
    places: dict[str, int] = {}
    for position, name in enumerate(band_names):
        spelled = re.sub(r"[\W_]+", "_", name.strip()).strip("_").lower()
        role = name if name in ROLES else roles.get(spelled)
        if role is not None:
            places.setdefault(role, position)
    return places
