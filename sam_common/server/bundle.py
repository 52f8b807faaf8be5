"""Bundle: zip files of the host plugins, each a plugin's folder with a copy of the client.

The client is copied, because a host's Python has numpy and none of this project. The order and the
dates of the files in a zip are fixed, so that the same sources give the same bytes.

python -m sam_common.server.bundle OUT FOLDER ...           a zip of each folder
python -m sam_common.server.bundle --in-place FOLDER ...    the client beside its files
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

CLIENT = Path(__file__).with_name("client.py")
"""The client that is copied."""
CLIENT_NAME = "suite_client.py"
"""Name of the client's copy in a plugin."""
VENDOR = ".vendor"
"""Empty file in the folder of a plugin into which the client is copied."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of every file in a zip, the earliest that the format has."""
MODE = 0o644
"""Permissions of every unpacked file."""
LEFT_OUT = {"__pycache__", VENDOR, CLIENT_NAME}
"""Names of files and folders that do not go into a zip."""


def bundle(folder: Path, out: Path) -> Path:
    """Write `FOLDER.zip` into a folder.

    Args:
        folder: Folder of the plugin; the zip holds this folder with its name.
        out: Folder of the zip; made where it is missing.

    Returns:
        Path of the zip.

    Raises:
        FileNotFoundError: No folder of the plugin holds `VENDOR`.
    """
    marks = sorted(folder.rglob(VENDOR))
    if not marks:
        raise FileNotFoundError(f"{folder}: no folder in it holds {VENDOR}")
    sources = {
        path.relative_to(folder.parent): path
        for path in folder.rglob("*")
        if path.is_file() and not LEFT_OUT & set(path.parts)
    }
    for mark in marks:
        sources[mark.relative_to(folder.parent).with_name(CLIENT_NAME)] = CLIENT
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{folder.name}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(sources):
            member = zipfile.ZipInfo(name.as_posix(), EPOCH)
            # else only their owner could read files that are unpacked for all users of a machine
            member.external_attr = MODE << 16
            archive.writestr(member, sources[name].read_bytes(), zipfile.ZIP_DEFLATED)
    return target


def vendor(folder: Path) -> list[Path]:
    """Copy the client into a plugin's own folder, to run it from the checkout.

    Returns:
        Paths of the copies.
    """
    copies = [mark.with_name(CLIENT_NAME) for mark in sorted(folder.rglob(VENDOR))]
    for copy in copies:
        copy.write_bytes(CLIENT.read_bytes())
    return copies


def main(arguments: list[str]) -> None:
    """Zip each folder, or copy the client into each.

    Args:
        arguments: `OUT FOLDER ...` for zips in OUT, `--in-place FOLDER ...` for copies.
    """
    if not arguments[1:]:
        raise SystemExit(__doc__)
    out, *folders = arguments
    for folder in map(Path, folders):
        made = vendor(folder) if out == "--in-place" else [bundle(folder, Path(out))]
        for path in made:
            print(path)  # noqa: T201 (the result)


if __name__ == "__main__":
    main(sys.argv[1:])
