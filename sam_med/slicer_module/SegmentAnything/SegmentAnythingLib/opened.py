"""Opened: a volume that the server has, with the objects of a log where there is one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .suite_client import Client, Mask, VolumeSession

SAME_MM = 1e-6
"""A grid that was written to a file and read again differs by less."""


@dataclass(frozen=True)
class Sent:
    """A volume as it is sent."""

    voxels: np.ndarray
    """(k, j, i)."""
    ijk_to_lps: np.ndarray
    """4x4 matrix from voxel (i, j, k) to LPS mm."""
    model: str
    modality: str | None


@dataclass(frozen=True)
class Opened:
    """A session, and the objects that it has from the first."""

    session: VolumeSession
    names: dict[str, str] = field(default_factory=dict)
    """Object on the server to its name."""
    masks: dict[str, Mask] = field(default_factory=dict)
    """Object to its mask."""


def opened(
    client: Client,
    sent: Sent,
    log: Mapping[str, Any] | None,
    progress: Callable[[int, int, str], bool | None],
) -> Opened:
    """Open a volume, and make the edits of a log again.

    Args:
        client: The server.
        sent: The volume.
        log: From `Session.log`; its model and modality are taken.
        progress: Called for edits and objects.

    Raises:
        ServerError: The volume is another one than that of the log, or `progress` cancelled.
    """
    if log is None:
        return Opened(
            client.open_volume_array(
                sent.voxels,
                ijk_to_lps=sent.ijk_to_lps,
                model=sent.model,
                modality=sent.modality,
            )
        )
    asked = log["source"]["request"]
    source = client.array_volume(
        sent.voxels,
        ijk_to_lps=_matrix(asked["frame"]["affine"], sent.ijk_to_lps),
        model=model_of(log),
        modality=asked.get("modality"),
    )
    session = client.replay(log, source=source, progress=progress)
    names = {each["object"]: each["name"] for each in session.objects()}
    return Opened(session, names, {one: session.mask(one) for one in names})


def model_of(log: Mapping[str, Any]) -> str:
    """The name of the model of a log."""
    return str(log["model"]["name"])


def _matrix(before: Any, now: np.ndarray) -> np.ndarray:
    """The matrix of a log where rounding is all that is between, as the server compares bits."""
    return np.asarray(before) if np.allclose(before, now, rtol=0, atol=SAME_MM) else now
