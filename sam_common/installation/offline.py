"""Offline: a bundle, one zip with all that an environment needs on a machine without internet.

```
bundle.zip
    manifest.json       host, extras, platform, Pythons; size and sha256 of each file
    wheels/*.whl        the suite and all packages that it needs
    cache/weights/...   networks, and cache/samples/...: files of the suite's cache
    sam_geomed.zip      the plugin of the host
    __main__.py ...     `python bundle.zip --to FOLDER` installs without a host
```
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from .commands import Feedback, InstallError

MANIFEST = "manifest.json"
"""Name of the list of files in a bundle."""
KIND, VERSION = "sam-geomed-bundle", 1
"""What the manifest says that it is."""
BLOCK = 1 << 20
"""Bytes that are read at once."""


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds."""

    suite: str
    """Version of the suite."""
    host: str
    """"qgis", "slicer" or "cli"."""
    extras: tuple[str, ...]
    """Extras of the suite that are installed."""
    platform: str
    """As `this_platform`."""
    pythons: tuple[tuple[int, int], ...]
    """Versions of Python that its wheels are for."""
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Path in the bundle to size in bytes and sha256."""

    def document(self) -> dict[str, Any]:
        """The manifest in JSON."""
        return {
            "kind": KIND,
            "version": VERSION,
            "suite": self.suite,
            "for": self.host,
            "extras": list(self.extras),
            "platform": self.platform,
            "pythons": [".".join(map(str, each)) for each in self.pythons],
            "files": {
                path: {"bytes": size, "sha256": sha256}
                for path, (size, sha256) in sorted(self.files.items())
            },
        }


def this_platform() -> str:
    """System and processor, such as "linux-x86_64", "windows-x86_64" or "macos-arm64"."""
    system = {"Darwin": "macos"}.get(platform.system(), platform.system().lower())
    machine = platform.machine().lower()
    return f"{system}-{ {'amd64': 'x86_64'}.get(machine, machine) }"


def read_manifest(path: Path) -> Manifest:
    """The manifest of a bundle.

    Raises:
        InstallError: The file is missing, or is no bundle that can be read here.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            told = json.loads(archive.read(MANIFEST))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InstallError(
            f"{path} is no bundle ({error}): make one with sam-common bundle --offline"
        ) from error
    try:
        return _manifest(told)
    except (KeyError, TypeError, ValueError) as error:
        raise InstallError(
            f"the manifest of {path} cannot be read ({error!r}): make the bundle anew"
        ) from error


def unpack(path: Path, folder: Path, feedback: Feedback) -> Manifest:
    """Unpack a bundle, verifying the size and sha256 of each file.

    Args:
        path: The bundle.
        folder: An empty folder.
        feedback: Told how far it is.

    Raises:
        InstallError: The bundle is for another platform, damaged, or has files that its manifest
            does not name.
    """
    manifest = read_manifest(path)
    if manifest.platform != this_platform():
        raise InstallError(
            f"{path} is for {manifest.platform}, and this is {this_platform()}: make one with "
            f"sam-common bundle --offline --platform {this_platform()}"
        )
    total, done = sum(size for size, _ in manifest.files.values()) or 1, 0
    with zipfile.ZipFile(path) as archive:
        found = {name for name in archive.namelist() if not name.endswith("/")} - {MANIFEST}
        if strange := found ^ set(manifest.files):
            raise InstallError(f"{path} and its manifest differ: {', '.join(sorted(strange)[:5])}")
        for name, (size, sha256) in sorted(manifest.files.items()):
            feedback.check()
            _extract(archive, name, folder, sha256)
            done += size
            feedback.progress(done / total, "verifying the bundle")
    feedback.say(f"{len(manifest.files)} files of the bundle have the sha256 of its manifest")
    return manifest


def _manifest(told: Any) -> Manifest:
    if (told["kind"], told["version"]) != (KIND, VERSION):
        raise ValueError(f"it is {told['kind']} {told['version']}, not {KIND} {VERSION}")
    files: dict[str, tuple[int, str]] = {}
    for name, facts in told["files"].items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise ValueError(f"{name} lies outside the bundle")
        files[name] = (int(facts["bytes"]), str(facts["sha256"]))
    pythons = []
    for version in told["pythons"]:
        major, minor = str(version).split(".")
        pythons.append((int(major), int(minor)))
    return Manifest(
        suite=str(told["suite"]),
        host=str(told["for"]),
        extras=tuple(map(str, told["extras"])),
        platform=str(told["platform"]),
        pythons=tuple(pythons),
        files=files,
    )


def _extract(archive: zipfile.ZipFile, name: str, folder: Path, sha256: str) -> None:
    target = folder.joinpath(*PurePosixPath(name).parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    try:
        with archive.open(name) as source, target.open("wb") as out:
            while block := source.read(BLOCK):
                digest.update(block)
                out.write(block)
    except zipfile.BadZipFile as error:
        raise InstallError(f"{name} in the bundle is damaged ({error}): copy it again") from error
    if digest.hexdigest() != sha256:
        raise InstallError(
            f"{name} in the bundle has sha256 {digest.hexdigest()}, expected {sha256}: "
            "copy the bundle again"
        )


def copy_cache(unpacked: Path, cache: Path) -> list[str]:
    """Copy networks and samples of an unpacked bundle into the suite's cache.

    Files that are there stay; each new one is complete as soon as it has its name.

    Returns:
        What was copied, by its place in the cache.
    """
    copied = []
    source = unpacked / "cache"
    for path in sorted(each for each in source.rglob("*") if each.is_file()):
        place = path.relative_to(source)
        target = cache / place
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{target.name}.part")
            shutil.copyfile(path, part)
            part.replace(target)
            copied.append(place.as_posix())
    return copied


def running_zip() -> Path | None:
    """The bundle that this very program runs from; None where it runs from none."""
    path = Path(sys.argv[0])
    return path if zipfile.is_zipfile(path) else None
