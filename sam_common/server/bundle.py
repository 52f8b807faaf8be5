"""Zip files of the plugins: a folder of a host's own files, and the client beside them.

The client is vendored, not depended on: a host's Python has numpy and nothing of ours. Which files
go into a zip and in which order is fixed, and so are their dates, so that the same sources give the
same bytes.

python -m sam_common.server.bundle OUT FOLDER ...           a zip of each folder
python -m sam_common.server.bundle --in-place FOLDER ...    the client beside its files
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

CLIENT = Path(__file__).with_name("client.py")
CLIENT_NAME = "suite_client.py"
"""Name of the client in a plugin."""
VENDOR = ".vendor"
"""An empty file that marks the folder of a plugin which the client is put into."""
EPOCH = (1980, 1, 1, 0, 0, 0)
MODE = 0o644
LEFT_OUT = {"__pycache__", VENDOR, CLIENT_NAME}


def bundle(folder: Path, out: Path) -> Path:
    """Write `FOLDER.zip` into a folder.

    Args:
        folder: Of the plugin; the zip holds this folder with its name.
        out: Made where it is missing.

    Returns:
        The zip.

    Raises:
        FileNotFoundError: No folder of the plugin is marked as the client's place.
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
            # else only their owner could read what is unpacked for all users of a machine
            member.external_attr = MODE << 16
            archive.writestr(member, sources[name].read_bytes(), zipfile.ZIP_DEFLATED)
    return target


def vendor(folder: Path) -> list[Path]:
    """Put the client into a plugin's own folder, to run it from the checkout; gives the copies."""
    copies = [mark.with_name(CLIENT_NAME) for mark in sorted(folder.rglob(VENDOR))]
    for copy in copies:
        copy.write_bytes(CLIENT.read_bytes())
    return copies


def main(arguments: list[str]) -> None:
    """`OUT FOLDER ...`: zip each folder; `--in-place FOLDER ...`: put the client into each."""
    if not arguments[1:]:
        raise SystemExit(__doc__)
    out, *folders = arguments
    for folder in map(Path, folders):
        made = vendor(folder) if out == "--in-place" else [bundle(folder, Path(out))]
        for path in made:
            print(path)  # noqa: T201 (the result)


if __name__ == "__main__":
    main(sys.argv[1:])
