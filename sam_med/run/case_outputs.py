"""Outputs of cases: files of a batch that would overwrite each other are refused before it starts.

```
case 1  scans/a.nii.gz -> out/a.seg.nrrd
case 2  out/A.seg.nrrd -> out/b.nii.gz       refused: it reads what case 1 writes
```
"""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING

from sam_common.errors import OutputError
from sam_med.write.output_paths import plan_targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sam_med.run.case_list import Case


def outputs_of(case: Case, formats: Sequence[str]) -> tuple[Path, ...]:
    """The files that a case writes, but for its manifest.

    Raises:
        OutputError: See `sam_med.write.output_paths.plan_targets`.
    """
    return tuple(plan_targets(case.output, formats).values())


def check_cases(cases: Sequence[Case], formats: Sequence[str], kept: Sequence[Path] = ()) -> None:
    """Raise `OutputError` where an output is another case's output or input, or lies in an input.

    Names that differ in letter case only are one file, and so are links to it. A case whose
    output has no known format is not checked here: it fails by itself.

    Args:
        cases: All cases of a batch.
        formats: Names of the formats that each case is written in.
        kept: Files of the batch itself: its list, state and summary.
    """
    read = {key: n for n, case in enumerate(cases, start=1) for key in _read_by(case)}
    taken = {key: "a file of the batch itself" for path in kept for key in _keys(path)}
    for n, case in enumerate(cases, start=1):
        for path in _planned(case, formats):
            for key in _keys(path):
                if key in taken:
                    raise OutputError(f"the output of case {n} of the list is {taken[key]}")
                if key in read:
                    raise OutputError(
                        f"the output of case {n} of the list is an input of case {read[key]}"
                    )
            for folder in path.absolute().parents:
                if (key := _keys(folder)[0]) in read:
                    raise OutputError(
                        f"the output of case {n} of the list lies in the folder that case "
                        f"{read[key]} reads"
                    )
        taken |= {
            key: f"that of case {n}" for path in _planned(case, formats) for key in _keys(path)
        }


def _read_by(case: Case) -> Iterator[tuple[object, ...]]:
    """Keys of the files that a case reads."""
    for path in (case.input, case.prompts):
        if path is not None:
            yield from _keys(path)


def _planned(case: Case, formats: Sequence[str]) -> tuple[Path, ...]:
    """The files that a case writes; its bare output where the format is not known."""
    try:
        return outputs_of(case, formats)
    except OutputError:
        return (case.output,)


def _keys(path: Path) -> list[tuple[object, ...]]:
    """Keys that two paths of one file share: folder and case-folded name; device and inode."""
    real = os.path.realpath(path)
    name = unicodedata.normalize("NFC", os.path.basename(real)).casefold()  # noqa: PTH119
    keys: list[tuple[object, ...]] = [(os.path.dirname(real), name)]  # noqa: PTH120
    try:
        status = path.stat()
    except (OSError, ValueError):
        return keys
    return [*keys, (status.st_dev, status.st_ino)]
