"""SR codes: the concepts and units of measurements in a structured report (PS3.16).

```
volume             SCT 118565006 Volume, as the sum of segmented voxels            cm3
long axis          SCT 103339001 Long axis                                         mm
short axis         SCT 103340004 Short axis                                        mm
maximum 3-D        IBSI L0JK Maximum 3D Diameter of a Mesh                         mm
intensities        by their unit, see `INTENSITIES`; SCT Mean, Standard Deviation
```
All of them stand in context group 7469, Generic Intensity and Size Measurements. Decision record
0012 says why these.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydicom.sr.codedict import codes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydicom.sr.coding import Code

    from sam_med.geometry.volume import Volume


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity that is measured, and its unit."""

    concept: Code
    unit: Code


VOLUME = Quantity(codes.SCT.Volume, codes.UCUM.CubicCentimeter)
LONG_AXIS = Quantity(codes.SCT.LongAxis, codes.UCUM.Millimeter)
SHORT_AXIS = Quantity(codes.SCT.ShortAxis, codes.UCUM.Millimeter)
MAXIMUM_3D = Quantity(codes.IBSI.Maximum3DDiameterOfAMesh, codes.UCUM.Millimeter)
VOLUME_METHOD = codes.DCM.SumOfSegmentedVoxelMethodForVolume
MEAN, DEVIATION = codes.SCT.Mean, codes.SCT.StandardDeviation
_HOUNSFIELD = Quantity(codes.DCM.AttenuationCoefficient, codes.UCUM.HounsfieldUnit)
_SUV = Quantity(codes.DCM.Suvbw, codes.UCUM.StandardizedUptakeValueBodyWeight)
_ACTIVITY = Quantity(
    codes.DCM.NuclearMedicineTomographicActivity, codes.UCUM.BecquerelsPerMilliliter
)
INTENSITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "HU": _HOUNSFIELD,
        "SUVbw g/ml": _SUV,
        "{SUVbw}g/ml": _SUV,
        "BQML": _ACTIVITY,
        "Bq/ml": _ACTIVITY,
    }
)
"""Quantity of intensities by their unit, as `Volume.units` states it."""
NO_UNITS = (None, "US", "unspecified")
"""Units of a volume that say nothing of what its values are."""
MR_SIGNAL = Quantity(codes.DCM.MRSignalIntensity, codes.UCUM.ArbitraryUnit)
PROCEDURES: Mapping[str, Code] = MappingProxyType(
    {
        "CT": codes.LN.CTUnspecifiedBodyRegion,
        "MR": codes.LN.MRIUnspecifiedBodyRegion,
        "PT": codes.LN.PETUnspecifiedBodyRegion,
        "NM": codes.LN.NMUnspecifiedBodyRegion,
    }
)
"""The procedure that a report is on, by modality (context group 100)."""
ANY_PROCEDURE = codes.SCT.ImagingProcedure


def intensity_of(volume: Volume, units: str | None) -> Quantity | None:
    """The quantity of the intensities of a volume; None where no code says what they are.

    Args:
        volume: The volume.
        units: Unit of its intensities, as measured.
    """
    if units is not None and units in INTENSITIES:
        return INTENSITIES[units]
    return MR_SIGNAL if volume.modality == "MR" and units in NO_UNITS else None


def procedure_of(modality: str | None) -> Code:
    """The procedure that images of a modality are of."""
    return PROCEDURES.get(modality or "", ANY_PROCEDURE)
