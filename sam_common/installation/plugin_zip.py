"""Plugin zip: what QGIS and 3D Slicer install: a plugin's folder, and what it needs of the suite.

```
plugin/
    suite_client.py           the client of the local server
    suite_installation/       the installer of the suite's environment
    suite_wheel/*.whl         the suite itself, for that environment
```
All of it is copied, because a host's Python has numpy and none of this project. The order and the
dates of the files in a zip are fixed, so that the same sources give the same bytes.

python plugin_zip.py --out DIR [--wheel FILE] [--repository ADDRESS --email ADDRESS] FOLDER ...
python plugin_zip.py --in-place FOLDER ...    client and installer beside the plugin's own files
"""

from __future__ import annotations

import argparse
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CLIENT = Path(__file__).parents[1] / "server" / "client.py"
"""The client that is copied."""
CLIENT_NAME = "suite_client.py"
"""Name of the client's copy in a plugin."""
_MODULES = "__init__ background commands environment offline pip_client pythons"
INSTALLER = tuple(Path(__file__).with_name(f"{name}.py") for name in _MODULES.split())
"""The modules of the installer that are copied."""
INSTALLER_NAME = "suite_installation"
"""Name of their folder in a plugin."""
WHEEL_NAME = "suite_wheel"
"""Folder of the suite's wheel in a plugin."""
METADATA = "metadata.txt"
"""What QGIS reads of a plugin."""
VENDOR = ".vendor"
"""Empty file in the folder of a plugin into which these are copied."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of every file in a zip, the earliest that the format has."""
MODE = 0o644
"""Permissions of every unpacked file."""
LEFT_OUT = {"__pycache__", VENDOR, CLIENT_NAME, INSTALLER_NAME, WHEEL_NAME}
"""Names of files and folders of a checkout that do not go into a zip."""


def plugin_zip(
    folder: Path, out: Path, wheel: Path | None = None, about: Mapping[str, str] | None = None
) -> Path:
    """Write `FOLDER.zip` into a folder.

    Args:
        folder: Folder of the plugin; the zip holds this folder with its name.
        out: Folder of the zip; made where it is missing.
        wheel: The suite's wheel, which the plugin installs into an environment beside its host.
        about: Fields that are added to `metadata.txt`, such as those of `published_at`.

    Returns:
        Path of the zip.

    Raises:
        FileNotFoundError: No folder of the plugin holds `VENDOR`, or there is no such wheel.
    """
    marks = _marks(folder)
    sources = {
        path.relative_to(folder.parent): path
        for path in folder.rglob("*")
        if path.is_file() and not LEFT_OUT & set(path.relative_to(folder.parent).parts)
    }
    for mark in marks:
        place = mark.relative_to(folder.parent).parent
        for name, path in _vendored(wheel).items():
            sources[place / name] = path
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{folder.name}.zip"
    members = {name.as_posix(): path.read_bytes() for name, path in sources.items()}
    metadata = f"{folder.name}/{METADATA}"
    if metadata in members:
        more = "".join(f"{name}={value}\n" for name, value in (about or {}).items())
        members[metadata] += more.encode()
    write_zip(target, members)
    return target


def published_at(repository: str, email: str) -> dict[str, str]:
    """Fields of QGIS's plugin repository that tell where a plugin is developed.

    They depend on who publishes it, so that they are given when the zip is made.

    Args:
        repository: Address of the repository, under which `/issues` is the tracker.
        email: Address of the author.
    """
    where = repository.rstrip("/")
    return {
        "email": email,
        "homepage": where,
        "repository": where,
        "tracker": f"{where}/issues",
    }


def write_zip(target: Path, members: dict[str, bytes]) -> None:
    """Write a zip whose bytes depend on its members alone.

    Args:
        target: The file.
        members: Name in the zip to content.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            member = zipfile.ZipInfo(name, EPOCH)
            # else only their owner could read files that are unpacked for all users of a machine
            member.external_attr = MODE << 16
            archive.writestr(member, members[name], zipfile.ZIP_DEFLATED)


def vendor(folder: Path) -> list[Path]:
    """Copy client and installer into a plugin's own folder, to run it from the checkout.

    Returns:
        Paths of the copies.
    """
    copies = []
    for mark in _marks(folder):
        for name, path in _vendored(None).items():
            copy = mark.parent / name
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, copy)
            copies.append(copy)
    return copies


def _marks(folder: Path) -> list[Path]:
    marks = sorted(folder.rglob(VENDOR))
    if not marks:
        raise FileNotFoundError(f"{folder}: no folder in it holds {VENDOR}")
    return marks


def _vendored(wheel: Path | None) -> dict[str, Path]:
    """Name in the plugin to the file that is copied."""
    found = {CLIENT_NAME: CLIENT, **{f"{INSTALLER_NAME}/{p.name}": p for p in INSTALLER}}
    if wheel is not None:
        found[f"{WHEEL_NAME}/{wheel.name}"] = wheel
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Zip each folder, or copy what it needs into each."""
    parser = argparse.ArgumentParser(description="The zips that QGIS and 3D Slicer install.")
    parser.add_argument("folders", nargs="+", type=Path, help="folders of plugins")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, help="folder of the zips")
    where.add_argument("--in-place", action="store_true", help="copy into the folders instead")
    parser.add_argument("--wheel", type=Path, help="the suite's wheel")
    parser.add_argument("--repository", help="where it is developed, for the plugin repository")
    parser.add_argument("--email", default="", help="of the author, for the plugin repository")
    chosen = parser.parse_args(arguments)
    about = published_at(chosen.repository, chosen.email) if chosen.repository else None
    for folder in chosen.folders:
        made = (
            vendor(folder)
            if chosen.in_place
            else [plugin_zip(folder, chosen.out, chosen.wheel, about)]
        )
        for path in made:
            print(path)  # noqa: T201 (the result)


if __name__ == "__main__":
    main()
