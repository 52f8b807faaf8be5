"""Tuned file: a delta as safetensors, whose header holds the model card, read without torch.

```
mine.safetensors   the tensors of the delta; header: {"sam_geomed_tuned": "{version, card}"}
mine.card.json     the same card for other programs
mine.card.md       the same card for people
```
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sam_common.errors import CheckpointError
from sam_common.published import checkpoints
from sam_common.support.files import atomic_output, write_bytes
from sam_common.tuned.model_card import markdown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from sam_common.prompts import PromptKind

MARK, VERSION = "sam_geomed_tuned", 1
"""The one entry of the header (several have no certain order), and the version of its content."""
ALL_PROMPTS: frozenset[PromptKind] = frozenset({"points", "boxes", "masks"})
LONGEST_HEADER = 16 * 1024 * 1024
"""Bytes of the longest header that is read, against damaged files that claim to have more."""


@dataclass(frozen=True, slots=True)
class TunedInfo:
    """What is known of a tuned file without reading its tensors."""

    path: Path
    """The file."""
    card: Mapping[str, Any]
    """Its model card, see `sam_common.tuned.model_card`."""

    @property
    def base(self) -> str:
        """Name of the base in the registry, or the file name of a checkpoint that is not in it."""
        return str(self.card["base"]["name"])

    @property
    def base_sha256(self) -> str:
        """sha256 of the base's checkpoint, 64 hexadecimal digits."""
        return str(self.card["base"]["sha256"])

    @property
    def arch(self) -> str:
        """Architecture of the base, a name in `ARCHITECTURES`."""
        return str(self.card["base"]["arch"])

    @property
    def prompts(self) -> frozenset[PromptKind]:
        """Kinds of prompts that the base takes."""
        if (info := checkpoints.registry().get(self.base)) is not None:
            return info.prompts
        return frozenset({"boxes"}) if self.arch == "tiny_vit_256" else ALL_PROMPTS

    @property
    def tunes_encoder(self) -> bool:
        """Whether the image encoder differs from that of the base."""
        return "encoder" in self.card["parts"]


def read_info(path: Path) -> TunedInfo | None:
    """The model card of a tuned file; None where the file is no tuned model.

    Raises:
        CheckpointError: If the file says that it is one, but its card cannot be read, or a later
            version of this program wrote it.
    """
    if path.suffix != ".safetensors":
        return None
    note = _note(path)
    if MARK not in note:
        return None
    try:
        content = json.loads(note[MARK])
        version, info = content["version"], TunedInfo(path, content["card"])
        if version != VERSION:
            raise _of_version(path, version)
        # read here once, so that a damaged card is found where the file is named
        _ = (info.base, info.base_sha256, info.arch, info.tunes_encoder)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} has a damaged model card: {error!r}") from error
    return info


def _of_version(path: Path, version: object) -> CheckpointError:
    return CheckpointError(
        f"{path} is a tuned model of version {version}, this program knows {VERSION}: update "
        f"sam-geomed"
    )


def _note(path: Path) -> dict[str, Any]:
    """The metadata in the header of a safetensors file; empty where it has none."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length <= LONGEST_HEADER else b""
    try:
        note = json.loads(header).get("__metadata__", {})
    except (ValueError, AttributeError):  # no safetensors file: whoever reads tensors will say so
        return {}
    return note if isinstance(note, dict) else {}


def side_files(path: Path) -> tuple[Path, Path]:
    """The model card beside a tuned file: as JSON and as Markdown."""
    return path.with_suffix(".card.json"), path.with_suffix(".card.md")


def write_delta(path: Path, tensors: Mapping[str, torch.Tensor], card: Mapping[str, Any]) -> None:
    """Write a tuned file, whole or not at all.

    Args:
        path: The file, which ends in `.safetensors`.
        tensors: The delta, see `sam_common.tuned.delta`.
        card: The model card, plain values for JSON.

    Raises:
        OutputError: If the file cannot be written.
    """
    from safetensors.torch import save_file  # noqa: PLC0415 - loads torch

    content = {"version": VERSION, "card": dict(card)}
    note = {MARK: json.dumps(content, sort_keys=True, allow_nan=False)}
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_output(path) as part:
        save_file(ready, part, note)


def write_cards(path: Path, card: Mapping[str, Any]) -> None:
    """Write the model card beside a tuned file, as JSON and as Markdown.

    Raises:
        OutputError: If a file cannot be written.
    """
    for_programs, for_people = side_files(path)
    text = json.dumps(dict(card), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(for_programs, f"{text}\n".encode())
    write_bytes(for_people, markdown(card, name=path.name).encode())
