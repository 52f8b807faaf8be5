"""`sam-common bundle`: the zip of a host's plugin, or a bundle for a machine without internet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from sam_common.cli.options import Json, Quiet
from sam_common.errors import InputError
from sam_common.installation.bundle import BundleRequest, write_bundle, write_plugin
from sam_common.installation.offline import this_platform
from sam_common.support import console
from sam_common.support.files import sha256_of

THIS = f"{sys.version_info.major}.{sys.version_info.minor}"
NONE = "none"
"""Word of `--model` and `--sample` for no network and no sample."""


def bundle_command(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The zip to write.")],
    host: Annotated[
        Literal["qgis", "slicer", "cli"], typer.Option("--for", help="What it is for.")
    ],
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="With all packages, networks and samples; else the plugin with the suite alone.",
        ),
    ] = False,
    platform: Annotated[
        str | None,
        typer.Option(
            help="With --offline: linux-x86_64, linux-aarch64, windows-x86_64 or macos-arm64; "
            "this machine's where not given."
        ),
    ] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(
            help="With --offline: a version of Python of the other machine, such as 3.12; may be "
            "given more than once. The one that runs here where not given."
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="With --offline: a network, or none; the usual one where not given."),
    ] = None,
    sample: Annotated[
        list[str] | None,
        typer.Option(help="With --offline: a sample, or none; the usual ones where not given."),
    ] = None,
    torch: Annotated[
        str | None,
        typer.Option(
            help="With --offline: which torch, such as torch==2.13.0; any that fits if not given."
        ),
    ] = None,
    torch_index: Annotated[
        str | None,
        typer.Option(
            help="With --offline: address of an index that torch comes from, as of its small "
            "builds for CPUs; your own where not given."
        ),
    ] = None,
    wheel: Annotated[
        Path | None,
        typer.Option(help="The suite's wheel; built from a checkout or fetched where not given."),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the plugin of QGIS or 3D Slicer, or a bundle to install without internet.

    A bundle is chosen in the plugin's window of installation, or installed by `python bundle.zip`.
    """
    if not offline:
        _refuse(
            platform=platform,
            python=python,
            model=model,
            sample=sample,
            torch=torch,
            torch_index=torch_index,
        )
        path = write_plugin(host, output, wheel)
        told = {"path": path, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
    else:
        request = BundleRequest(
            host=host,
            platform=platform or this_platform(),
            pythons=tuple(python or (THIS,)),
            models=_named(model),
            samples=_named(sample),
            wheel=wheel,
            torch=torch or "",
            torch_index=torch_index or "",
        )
        manifest = write_bundle(request, output, quiet=quiet)
        told = {
            "path": output,
            "bytes": output.stat().st_size,
            "sha256": sha256_of(output),
            **manifest.document(),
        }
    if as_json:
        console.emit_json(told)
    else:
        typer.echo(output)


def _named(names: list[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    return tuple(name for name in names if name != NONE)


def _refuse(**given: object) -> None:
    for name, value in given.items():
        if value is not None:
            option = name.replace("_", "-")
            raise InputError(f"--{option} is for a bundle: add --offline")
