"""Located weights: the checkpoint of a model name or file, and the tuned file over it.

```
mobile_sam          the registry -> the cache, fetched where it is missing
my_sam.pth          a checkpoint of one's own, with its architecture
mine.safetensors    a tuned file -> its base, by sha256, and the delta
mine                the same, once it has a name (sam_common/tuned/catalogue)
```
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import CheckpointError, InputError, ModelError, UnknownModelError
from sam_common.network.architecture import ARCHITECTURES
from sam_common.network.lazy_network import LazyNetwork
from sam_common.published import checkpoints
from sam_common.segmenter.capabilities import Capabilities
from sam_common.support.addresses import public_name
from sam_common.support.files import sha256_of
from sam_common.tuned.catalogue import find
from sam_common.tuned.tuned_file import read_info

if TYPE_CHECKING:
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

    def network(self) -> LazyNetwork:
        """The network of these weights, loaded when an engine needs it."""
        return LazyNetwork(
            self.arch,
            self.sha256,
            ARCHITECTURES[self.arch],
            self.load,
            self.encoder_sha256 or self.sha256,
        )

    def load(self) -> Sam:
        """Load the network, ready for inference.

        Raises:
            CheckpointError: If the checkpoint does not fit the architecture, or the delta its base.
        """
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
        name_or_path: A name of the registry, a checkpoint file, or a tuned file.
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
    if not path.suffix and not path.exists():
        if (named := find(str(name_or_path))) is not None:
            return replace(_over_base(named, arch), name=str(name_or_path))
        checkpoints.model_info(str(name_or_path))  # raises with the nearest name
    if not path.is_file():
        raise InputError(f"no such checkpoint: {public_name(path)}")
    if (tuned := read_info(path)) is not None:
        return _over_base(tuned, arch)
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


def _own(path: Path, arch: str) -> LocatedWeights:
    """A checkpoint file that is in no registry."""
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
