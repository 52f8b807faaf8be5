"""Located weights: the checkpoint of a model name or file, and the tuned file over it.

```
mobile_sam          the registry -> the cache, fetched where it is missing
my_sam.pth          a checkpoint of one's own, with its architecture
mine.safetensors    a tuned file -> its base, by sha256, and the delta
mine                the same, once it has a name (sam_common/tuned/catalogue)
my_sam2/            a folder that save_pretrained of transformers wrote, for a SAM 2
```
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.errors import CheckpointError, InputError, ModelError, UnknownModelError
from sam_common.network.architecture import ARCHITECTURES, SAM2_PREPROCESS
from sam_common.network.lazy_network import LazyNetwork
from sam_common.published import checkpoints
from sam_common.sam2.folder import input_size, read_folder
from sam_common.sam2.shapes import SHAPES, config_of
from sam_common.segmenter.capabilities import Capabilities
from sam_common.support.addresses import public_name
from sam_common.support.files import sha256_of
from sam_common.tuned.catalogue import find
from sam_common.tuned.tuned_file import read_info

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sam_common.network.architecture import Architecture
    from sam_common.network.sam import Sam
    from sam_common.prompts import PromptKind
    from sam_common.tuned.tuned_file import TunedInfo


@dataclass(frozen=True, slots=True)
class LocatedWeights:
    """A checkpoint file, perhaps with a delta over it, and what is known of it unopened."""

    name: str
    """Name in the registry, or the file name of a checkpoint or tuned file that is not in it."""
    path: Path
    """The checkpoint; that of the base for a tuned file."""
    arch: str
    """Name in `ARCHITECTURES`."""
    sha256: str
    """sha256 of the checkpoint, or of the tuned file."""
    capabilities: Capabilities
    """The prompts that the checkpoint was trained for."""
    licence: str
    """SPDX identifier of the weights' licence, or "not stated"."""
    tuned: TunedInfo | None = None
    """The tuned file over the checkpoint; None for a checkpoint as it is."""
    encoder_sha256: str = ""
    """sha256 of the file that decides the image encoder."""
    config: Mapping[str, Any] | None = None
    """Sizes of a SAM 2 that a folder describes; None where the architecture does."""

    @property
    def architecture(self) -> Architecture:
        """Preprocessing and precision rules of the network."""
        known = ARCHITECTURES[self.arch]
        if self.config is None:
            return known
        size = input_size(self.config)
        return replace(
            known,
            preprocess=replace(known.preprocess, size=size),
            is_tracker=size != SAM2_PREPROCESS.size,
        )

    def network(self) -> LazyNetwork:
        """The network of these weights, loaded when an engine needs it."""
        return LazyNetwork(
            self.arch,
            self.sha256,
            self.architecture,
            self.load,
            self.encoder_sha256 or self.sha256,
        )

    def load(self) -> Sam:
        """Load the network, ready for inference.

        Raises:
            CheckpointError: If the checkpoint does not fit the architecture, or the delta its base.
            ModelError: If the network needs the library transformers, which is not installed.
        """
        if self.architecture.is_sam2:
            from sam_common.sam2.models import image_network  # noqa: PLC0415 - loads transformers

            return image_network(self.config or config_of(self.arch), self.path)
        from sam_common.network.checkpoint import Uninitialised, load_state, read_state  # noqa: PLC0415 - loads torch
        from sam_common.network.sam import build_sam  # noqa: PLC0415
        from sam_common.tuned.delta import apply_delta  # noqa: PLC0415

        with Uninitialised():
            network = build_sam(self.arch)
        load_state(network, read_state(self.path), source=str(self.path)).prepare_inference()
        if self.tuned is None:
            return network
        delta = read_state(self.tuned.path)
        return apply_delta(network, delta, source=str(self.tuned.path))


def locate(name_or_path: str | Path, arch: str | None = None) -> LocatedWeights:
    """Find the checkpoint of a model; a published one is fetched where it is not in the cache.

    Args:
        name_or_path: A name of the registry, a checkpoint file, a tuned file, or the folder of a
            SAM 2.
        arch: Architecture of a checkpoint file, a name in `ARCHITECTURES`.

    Raises:
        UnknownModelError: If there is no such name, or no such architecture.
        InputError: If there is no such file.
        ModelError: If the architecture is missing, or another than that of the name.
        CheckpointError: If the base of a tuned file is not there, or is another.
        WeightsError: If the checkpoint cannot be fetched.
    """
    path = Path(name_or_path)
    if str(name_or_path) in checkpoints.registry():
        return _published(str(name_or_path), arch)
    if path.is_dir():
        return _folder(path, arch)
    if not path.suffix and not path.exists():
        if (named := find(str(name_or_path))) is not None:
            return replace(_over_base(named, arch), name=str(name_or_path))
        checkpoints.model_info(str(name_or_path))  # raises with the nearest name
    if not path.is_file():
        raise InputError(f"no such checkpoint: {public_name(path)}")
    if (tuned := read_info(path)) is not None:
        return _over_base(tuned, arch)
    return _file(path, arch)


def _file(path: Path, arch: str | None) -> LocatedWeights:
    """A checkpoint file of the user's own, after a check of its architecture."""
    if arch is None:
        raise ModelError(f"{path} needs its architecture: --arch {'|'.join(ARCHITECTURES)}")
    if arch not in ARCHITECTURES:
        raise UnknownModelError(
            f'unknown architecture "{arch}": choose from {", ".join(ARCHITECTURES)}'
        )
    return _own(path, arch)


def _published(name: str, arch: str | None, sha256: str | None = None) -> LocatedWeights:
    """The checkpoint of a name; that of this sha256 where several files count as the model."""
    info = checkpoints.model_info(name)
    if arch is not None and arch != info.arch:
        raise ModelError(f'model "{info.name}" is a {info.arch}, not a {arch}: leave arch out')
    path = checkpoints.fetch(name) if sha256 is None else checkpoints.fetch_file(name, sha256)
    # `fetch` has just compared the hash, so the file is not read once more
    found = next(file.sha256 for file in info.files if file.name == path.name)
    kinds = Capabilities.of(info.prompts)
    return LocatedWeights(info.name, path, info.arch, found, kinds, info.licence)


def _folder(path: Path, arch: str | None) -> LocatedWeights:
    """The folder of a SAM 2, as `save_pretrained` of transformers writes it."""
    found = read_folder(path)
    if arch not in {None, "hiera"}:
        raise ModelError(f"{path} says its sizes itself: leave --arch out")
    return LocatedWeights(
        path.resolve().name,
        found.weights,
        "hiera",
        sha256_of(found.weights),
        Capabilities.of(frozenset({"points", "boxes", "masks"})),
        "not stated",
        config=found.config,
    )


def _own(path: Path, arch: str) -> LocatedWeights:
    """A checkpoint file that is in no registry."""
    if ARCHITECTURES[arch].is_sam2 and arch not in SHAPES:
        raise ModelError(
            f"{path} does not say its sizes: give --arch {'|'.join(SHAPES)}, or a folder with "
            f"its config.json"
        )
    # LiteMedSAM and checkpoints that are tuned from it are trained on boxes alone
    kinds: frozenset[PromptKind] = frozenset({"boxes"})
    if arch != "tiny_vit_256":
        kinds |= {"points", "masks"}
    return LocatedWeights(
        path.name, path, arch, sha256_of(path), Capabilities.of(kinds), "not stated"
    )


def _over_base(tuned: TunedInfo, arch: str | None) -> LocatedWeights:
    """A tuned file with the checkpoint that it was tuned from, and no other."""
    if arch is not None and arch != tuned.arch:
        raise ModelError(f"{tuned.path} is a {tuned.arch}, not a {arch}: leave --arch out")
    if tuned.base in checkpoints.registry():
        base = _published(tuned.base, None, tuned.base_sha256)
    else:
        beside = tuned.path.with_name(tuned.base)
        if not beside.is_file():
            raise CheckpointError(
                f"{tuned.path} was tuned from {tuned.base} (sha256 {tuned.base_sha256[:12]}...): "
                f"put that file beside it"
            )
        base = _own(beside, tuned.arch)
        if base.sha256 != tuned.base_sha256:
            raise CheckpointError(
                f"{tuned.path} was tuned from another {tuned.base} than {beside}: its sha256 "
                f"begins with {tuned.base_sha256[:12]}, that of the file with {base.sha256[:12]}"
            )
    sha256 = sha256_of(tuned.path)
    encoder = sha256 if tuned.tunes_encoder else base.sha256
    return LocatedWeights(
        tuned.path.name,
        base.path,
        base.arch,
        sha256,
        base.capabilities,
        base.licence,
        tuned,
        encoder,
    )
