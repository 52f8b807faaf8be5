"""`sam-common serve`: the local server that QGIS, 3D Slicer and scripts talk to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sam_common.errors import InputError

MEBI = 1 << 20


def serve_command(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    root: Annotated[
        list[Path] | None,
        typer.Option(help="Folder from which files may be opened; repeat it. None: uploads only."),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Load this model at the start; repeat it.")
    ] = None,
    watch_stdin: Annotated[
        bool, typer.Option("--watch-stdin", help="End when stdin is closed.")
    ] = False,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Let --host be reached from other machines."),
    ] = False,
    idle_minutes: Annotated[
        float, typer.Option(min=0.01, help="Close sessions that are not used for so long.")
    ] = 60.0,
    memory: Annotated[int, typer.Option(min=16, help="MiB of embeddings that are held.")] = 1024,
    keep_embeddings: Annotated[
        bool,
        typer.Option(
            "--keep-embeddings",
            help="Keep embeddings of volumes on disk for later; they show what the scan shows.",
        ),
    ] = False,
    ui: Annotated[
        bool, typer.Option("--ui", help="Serve a page for the browser too; its address is told.")
    ] = False,
) -> None:
    """Serve segmentation to programs on this machine.

    The first line on stdout is JSON with the port and the token that every request must bear.
    """
    try:
        from sam_common.server.page.libraries import registry  # noqa: PLC0415
        from sam_common.server.process import Settings, serve  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise without_server(error) from error
    serve(
        Settings(
            host=host,
            port=port,
            roots=tuple(root or ()),
            models=tuple(model or ()),
            watch_stdin=watch_stdin,
            allow_remote=allow_remote,
            idle_seconds=idle_minutes * 60,
            memory_bytes=memory * MEBI,
            keep_embeddings=keep_embeddings,
            page_libraries=tuple(registry()) if ui else (),
        )
    )


def without_server(error: ModuleNotFoundError) -> InputError:
    """The error for the user where a package of the server is not installed."""
    return InputError(
        f"the server needs the package {error.name}: pip install 'sam-geomed[server]'"
    )
