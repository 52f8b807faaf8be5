"""Plan file: what lies among the parts of a job and says which plan they belong to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sam_common.errors import InputError
from sam_common.support.differences import differences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sam_common.tiled_job.plan import Plan

PLAN = "plan.json"
"""File that marks a folder as one of parts."""
KEPT_AT = "parts_at"
"""Name of the storage of the parts in the file, where they do not lie beside it."""


def described(plan: Plan, kept_at: str | None = None) -> dict[str, Any]:
    """A plan as JSON, without its windows.

    Args:
        plan: The plan.
        kept_at: Storage of the parts, where they do not lie beside the file.
    """
    elsewhere = {} if kept_at is None else {KEPT_AT: kept_at}
    return {
        "digest": plan.digest,
        "image_hw": list(plan.image_hw),
        "windows": len(plan),
        **elsewhere,
        "signature": dict(plan.signature),
    }


def encoded(plan: Plan, kept_at: str | None = None) -> bytes:
    """The content of the file, see `described`."""
    return f"{json.dumps(described(plan, kept_at), indent=2)}\n".encode()


def check_same(data: bytes, plan: Plan, folder: str, kept_at: str | None = None) -> None:
    """Check that the parts in a folder are of a plan, and are kept where it is said.

    Args:
        data: Content of the file that lies there.
        plan: The plan of the job that wants to go on.
        folder: Name of the folder.
        kept_at: Storage in which that job keeps its parts; None for the folder itself.

    Raises:
        InputError: The file cannot be read, or is of another plan or storage.
    """
    known = _known(data, folder)
    if known["digest"] != plan.digest:
        differing = differences(_compared(known), _compared(described(plan)))
        raise InputError(
            f"{folder} belongs to another job ({'; '.join(differing) or 'other windows'}): delete "
            f"it, or run with the same inputs and options"
        )
    if (before := known.get(KEPT_AT)) != kept_at:
        advice = "leave --parts-at out" if before is None else f"give --parts-at {before}"
        raise InputError(
            f"the parts of the job in {folder} are kept in {before or 'that folder'}, not in "
            f"{kept_at or 'that folder'}: {advice}, or delete {folder} to begin anew"
        )


def _known(data: bytes, folder: str) -> dict[str, Any]:
    """The content of a plan file."""
    try:
        known = json.loads(data.decode())
        return {**known, "signature": dict(known["signature"]), "digest": str(known["digest"])}
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{folder}/{PLAN} cannot be read, so the job cannot go on: delete {folder}"
        ) from error


def _compared(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What is told apart of a described plan."""
    # through JSON once, so that tuples compare equal to lists
    known = json.loads(json.dumps(plan))
    own = {"digest", "signature", KEPT_AT}
    return {
        name: value for name, value in {**known, **known["signature"]}.items() if name not in own
    }
