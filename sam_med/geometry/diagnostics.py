"""Diagnostics: what is unusual about a scan, as named facts with numbers.

A diagnostic never stands for a guess made in silence: each one says what was seen, and what the
suite does about it. `sam_med.geometry.diagnostic_codes` lists all codes with their severity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sam_common.errors import GeometryError
from sam_med.geometry.diagnostic_codes import CODES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sam_med.geometry.diagnostic_codes import Severity


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One unusual thing that was found in the files, the geometry or the values of a scan."""

    code: str
    """Stable name for scripts, e.g. "uneven-spacing"."""
    severity: Severity
    message: str
    """What was seen, with the numbers, one sentence without names, dates or UIDs."""
    action: str
    """What the suite does, or what the user can do."""
    numbers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """The numbers of the message for scripts, JSON-able."""

    @property
    def line(self) -> str:
        """Code, message and action in one line for people."""
        return f"{self.code}: {self.message} ({self.action})"

    def describe(self) -> dict[str, Any]:
        """All fields as a JSON-able mapping."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "action": self.action,
            "numbers": dict(self.numbers),
        }


class RefusedError(GeometryError):
    """An input is refused until the user decides, or for good; `diagnostics` holds the reasons."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(d.line for d in diagnostics))


def found(code: str, message: str, **numbers: Any) -> Diagnostic:
    """A diagnostic with the severity and the action of its code in `CODES`.

    Args:
        code: A key of `CODES`.
        message: What was seen, with the numbers, without names, dates, UIDs or paths.
        **numbers: The numbers of the message for scripts, JSON-able.
    """
    row = CODES[code]
    return Diagnostic(code, row.severity, message, row.action, MappingProxyType(numbers))


def refused(code: str, message: str, **numbers: Any) -> RefusedError:
    """The error of one diagnostic, with the arguments of `found`."""
    return RefusedError([found(code, message, **numbers)])


def errors_of(diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics of severity "error", which keep a scan from being read."""
    return tuple(d for d in diagnostics if d.severity == "error")
