"""Viewer: one raster or volume in the browser, for the person who runs the command."""

from __future__ import annotations

import contextlib
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from sam_common.errors import InputError
from sam_common.server.page.browser import open_browser
from sam_common.server.process import Settings, serve
from sam_common.server.sessions.protocol import OpenSource

if TYPE_CHECKING:
    from collections.abc import Mapping

LIBRARIES = {"raster": ("ol",), "volume": ("niivue",)}
"""Libraries of the page by the kind of what it shows."""


def view(request: Mapping[str, Any], *, port: int = 0, is_opened: bool = True) -> None:
    """Open a source, show it in the browser, and serve its page until Ctrl-C.

    Args:
        request: As `sam_common.server.sessions.protocol.OpenSource`, with the path of a file or
            folder of this machine; members that are None are left out.
        port: Port to listen on; 0 takes a free one.
        is_opened: Whether the browser is opened; the address is printed either way.

    Raises:
        InputError: There is no such file, or it cannot be opened.
        WeightsError: A library of the page or the network cannot be fetched.
    """
    path = Path(str(request["path"])).expanduser()
    if not path.exists():
        raise InputError(f"no such file: {request['path']} (the page shows files of this machine)")
    path = path.resolve()
    given = {name: value for name, value in request.items() if value is not None}
    try:
        source = TypeAdapter[Any](OpenSource).validate_python({**given, "path": str(path)})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(at) for at in first["loc"][1:])
        raise InputError(f"{where}: {first['msg']}, got {first['input']!r}") from error

    def announce(hello: dict[str, Any], folder: Path) -> None:
        is_shown = is_opened and open_browser(hello["page"], folder)
        sys.stdout.write(f"{hello['page']}\n")
        sys.stdout.flush()
        lead = "the page is open in your browser" if is_shown else "open this address in a browser"
        sys.stderr.write(f"{lead}; Ctrl-C here ends it\n")

    with contextlib.suppress(KeyboardInterrupt):
        serve(
            Settings(
                port=port,
                roots=(path if path.is_dir() else path.parent,),
                idle_seconds=math.inf,
                page_libraries=LIBRARIES[str(request["kind"])],
                source=source,
            ),
            announce,
        )
    sys.stderr.write("ended\n")
