"""Lazy names: public names of a package whose modules are imported at first use (PEP 562).

So `import sam_geo` loads neither torch nor a format library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sam_common.extras import missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a package.

    Args:
        package: `__name__` of the package.
        homes: The module that defines each public name.

    Returns:
        A function that imports the module of a name and returns the object of that name; it raises
        `AttributeError` for other names, and `MissingExtraError` where a library of an extra is not
        installed.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = importlib.import_module(homes[name])
        except ImportError as error:
            if (missing := missing_extra(error, f"{package}.{name}")) is None:
                raise
            raise missing from error
        return getattr(module, name)

    return find
