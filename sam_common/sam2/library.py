"""Library: transformers, imported only where a SAM 2 is built, and the message where it is missing.

transformers is the extra `hf`. Its image processors need torchvision and are not used: pictures are
prepared by `sam_common.network.preprocess`.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from typing import Any

from sam_common.errors import ModelError


def is_installed() -> bool:
    """Whether transformers can be imported; it is not imported here."""
    return importlib.util.find_spec("transformers") is not None


def transformers() -> Any:
    """The library, with nothing written to the terminal and no usage reported.

    Raises:
        ModelError: If it is not installed; the message says how to install it.
    """
    if not is_installed():
        raise ModelError(
            "networks of SAM 2 need the library transformers, which is not installed: "
            'pip install "sam-geomed[hf]"'
        )
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    with warnings.catch_warnings():
        # what it says of versions of its own requirements is no concern of a user here
        warnings.simplefilter("ignore")
        import transformers as library  # noqa: PLC0415 - an extra, and seconds to import
    return library
