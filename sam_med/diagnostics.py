"""Diagnostics: what is unusual about a series, as named facts with numbers.

A diagnostic never stands for a guess made in silence: each one says what was seen, and what the
suite does about it. `severity` decides what happens:

```
note      nothing to worry about, but worth knowing (an oblique stack)
warning   read, and the result is exact, but another program may not show it so (uneven spacing)
error     refused until the user decides (two series, a missing slice in a stack that is a grid)
```
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Severity: TypeAlias = Literal["note", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about the geometry of a series."""

    code: str
    """Stable name for scripts, e.g. "uneven-spacing"."""
    severity: Severity
    message: str
    """What was seen, with the numbers, one sentence without names, dates or UIDs."""
    action: str
    """What the suite does, or what the user can do."""
    numbers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """The same numbers for scripts (JSON-able)."""

    def describe(self) -> dict[str, Any]:
        """As a JSON-able mapping."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "action": self.action,
            "numbers": dict(self.numbers),
        }
