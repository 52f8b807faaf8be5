"""Candidates: label maps of the answers that an object might have been, but was not chosen to be.

```
DIR/object-5-candidate-2.nrrd      the second surest answer for the object of value 5
```
The first candidate is the object itself, as it stands in the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.errors import OutputError
from sam_med.objects.labels import paint
from sam_med.objects.segments import Segment
from sam_med.write.output_paths import check_apart
from sam_med.write.results import write_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sam_med.geometry.volume import Volume

NAME = "object-{value}-candidate-{n}.nrrd"


def check_candidates(folder: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` where a folder for candidates is a file, or holds some already."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"the candidates are files in a folder, and {folder.name} is a file")
    if not overwrite and any(folder.glob(NAME.format(value="*", n="*"))):
        raise OutputError(f"{folder.name} holds candidates already (--overwrite replaces them)")


def write_candidates(segments: Sequence[Segment], volume: Volume, folder: Path) -> list[Path]:
    """Write a label map of each candidate that was not chosen, with the value of its object.

    Args:
        segments: Objects of one run.
        volume: Their volume.
        folder: Made where it is not there; older candidates in it are removed.

    Returns:
        The files.

    Raises:
        OutputError: The folder lies in the source, or the disk does not take a file.
    """
    check_apart(folder / NAME, volume)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(NAME.format(value="*", n="*")):
            old.unlink()
    except OSError as error:
        raise OutputError(
            f"cannot write candidates into {folder.name}: {error.strerror}"
        ) from error
    written = []
    for segment in segments:
        for n, one in enumerate(segment.candidates[1:], start=2):
            path = folder / NAME.format(value=segment.value, n=n)
            shown = Segment(segment.name, segment.value, one.window, one.mask)
            write_labels(paint(volume.shape, [shown]), volume, path)
            written.append(path)
    return written
