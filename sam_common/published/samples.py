"""Registry of sample images: small real inputs for the demo, the docs and the tests."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.published import cache
from sam_common.published.origins import Source, Wheel
from sam_common.published.pinned_file import PinnedFile
from sam_common.support.cache_folder import cache_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class SampleInfo:
    """A published image or annotation in the registry of samples."""

    name: str
    """Name in the registry, which is the name of the file in the cache."""
    title: str
    """What the sample shows, in a few words."""
    file: PinnedFile
    """Name, size and sha256 of the file."""
    source: Source
    """Where the file can be fetched from."""
    licence: str
    """Licence of the data."""
    citation: str
    """The publication to cite."""
    provenance: str
    """Which published package holds the file, and under which name."""

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """The file, in the form of `cache.Item`."""
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
    """A verified sample file, fetched where it is not in the cache yet.

    All samples of a package are fetched with one download.

    Args:
        name: Name in the registry.
        progress: Whether to show progress bars and notes on stderr.

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
        file: The sample, or the wheel that holds it.

    Returns:
        The file in the cache.

    Raises:
        InputError: If there is no such name, or no such file.
        IntegrityError: If the file is not the published one.
    """
    return cache.adopt(sample_info(name), file, folder())


_TREES = Wheel(
    "deepforest",
    "2.1.0",
    (
        (
            "deepforest/data/OSBS_029.tif",
            PinnedFile(
                "osbs_029.tif",
                607_832,
                "8521dbb5e8063d37d61895867dfcca7476491d1345103dc1b3fd96f71b186353",
            ),
        ),
        (
            "deepforest/data/OSBS_029.xml",
            PinnedFile(
                "osbs_029.xml",
                20_526,
                "1f68c4011d7b351c29ca755072e77f3d16e6fd1f995bd05a9dd4eb952b55373c",
            ),
        ),
    ),
)
_HEAD = Wheel(
    "nilearn",
    "0.14.1",
    (
        (
            "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz",
            PinnedFile(
                "mni152_t1.nii.gz",
                1_617_531,
                "421a10e872fd6cadae7f61d358dffbcc1795a497d61ee76c5dda2503e1a1e9e6",
            ),
        ),
        (
            "nilearn/datasets/data/mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz",
            PinnedFile(
                "mni152_gm.nii.gz",
                1_965_510,
                "97a5ca69bd24db37a9cb7b32525e1733a209af904129bf1cd36da06d24243bed",
            ),
        ),
        (
            "nilearn/datasets/data/mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz",
            PinnedFile(
                "mni152_wm.nii.gz",
                1_553_010,
                "382d92812de4744f9c86c7a0e4f680dc317a0a50e4da1f0153618a6798c7b7db",
            ),
        ),
    ),
)
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


def _from(
    wheel: Wheel, titles: Mapping[str, str], licence: str, citation: str
) -> dict[str, SampleInfo]:
    return {
        pinned.name: SampleInfo(
            name=pinned.name,
            title=titles[pinned.name],
            file=pinned,
            source=wheel,
            licence=licence,
            citation=citation,
            provenance=f"Member {member} of the {wheel.label}",
        )
        for member, pinned in wheel.members
    }


_REGISTRY: Mapping[str, SampleInfo] = MappingProxyType(
    _from(
        _TREES,
        {
            "osbs_029.tif": "forest from the air, 40 m x 40 m, RGB GeoTIFF, EPSG:32617",
            "osbs_029.xml": "its 61 tree-crown boxes, Pascal VOC, pixels",
        },
        _NEON_LICENCE,
        _NEON,
    )
    | _from(
        _HEAD,
        {
            "mni152_t1.nii.gz": "MNI152 head (ICBM 2009a), T1-weighted MR, 1 mm",
            "mni152_gm.nii.gz": "its grey-matter probability, uint8, 255 = 1",
            "mni152_wm.nii.gz": "its white-matter probability, uint8, 255 = 1",
        },
        _ICBM_LICENCE,
        _ICBM,
    )
)
