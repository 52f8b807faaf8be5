"""What `sam-geo view` and `sam-med view` share: options, and the start of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sam_common.cli.serve import without_server

if TYPE_CHECKING:
    from collections.abc import Mapping

Port = Annotated[
    int,
    typer.Option(min=0, max=65535, help="Port of the page on this machine; 0 takes a free one."),
]
NoOpen = Annotated[
    bool, typer.Option("--no-open", help="Print the address of the page, and open no browser.")
]
ViewModel = Annotated[str, typer.Option(help="Name of a model, see: sam-common weights list.")]


def show_page(request: Mapping[str, Any], *, port: int, no_open: bool) -> None:
    """Show a source in the browser until Ctrl-C, see `sam_common.server.viewer.view`.

    Args:
        request: As `sam_common.server.sessions.protocol.OpenSource`.
        port: Port to listen on; 0 takes a free one.
        no_open: Whether the address is only printed.

    Raises:
        InputError: The server is not installed, or the source cannot be opened.
    """
    try:
        from sam_common.server.viewer import view  # noqa: PLC0415  # --help must stay fast
    except ModuleNotFoundError as error:
        raise without_server(error) from error
    view(request, port=port, is_opened=not no_open)
