"""explore: a volume in a notebook's output, to draw boxes in and follow objects through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_common.notebook.explorer import HEIGHT, opened
from sam_med.geometry.volume import Volume
from sam_med.notebook.volume_explorer import VolumeExplorer
from sam_med.run.methods import DEFAULT_MODEL

if TYPE_CHECKING:
    import os

    from sam_common.server.client import Client, VolumeSession


def explore(
    volume: str | os.PathLike[str] | Volume,
    *,
    model: str = DEFAULT_MODEL,
    series: int | str | None = None,
    time: int | None = None,
    modality: str | None = None,
    preset: str | None = None,
    width: float | None = None,
    level: float | None = None,
    height: int = HEIGHT,
) -> VolumeExplorer:
    """Show a volume in a notebook: draw boxes, follow objects, and take home a label map.

    Make it the last line of a cell to see the page. It needs `pip install 'sam-geomed[notebook]'`.
    For research, not a medical device.

    Args:
        volume: Path of a file or a DICOM folder on the machine of the kernel; or a `Volume`, whose
            voxels are sent to the explorer's server.
        model: Name of a model, see `sam-common weights list`; `lite_medsam` takes boxes, and
            `mobile_sam` points as well.
        series: Of a path number of a DICOM series, or its SeriesInstanceUID.
        time: Of a path number of the time point, from 1.
        modality: "CT", "MR" and so on, where the file does not say or is wrong.
        preset: Name of a CT window.
        width: Width of a window, in the units of the voxels.
        level: Level, that is the middle, of that window.
        height: Height of the page in CSS pixels, 200 to 10000.

    Returns:
        The explorer, with `labels`, `session` and `close`.

    Raises:
        InputError: The volume cannot be opened, `series` or `time` were given with a `Volume`, its
            slices are unevenly spaced or its high values are dark, or the extra `notebook` is not
            installed.
        WeightsError: The network cannot be fetched.
    """
    if isinstance(volume, Volume):
        _check_sendable(volume, series, time)
        voxels, path = volume, None
    else:
        voxels, path = None, Path(volume).expanduser().absolute()

    def open_it(client: Client) -> VolumeSession:
        if voxels is None:
            return client.open_volume(
                str(path),
                model,
                series=series,
                time=time,
                modality=modality,
                preset=preset,
                width=width,
                level=level,
            )
        return client.open_volume_array(
            voxels.array,
            # the frame takes (k, j, i)
            ijk_to_lps=voxels.frame.array[:, [2, 1, 0, 3]],
            model=model,
            modality=modality or voxels.modality,
            preset=preset,
            width=width,
            level=level,
        )

    return VolumeExplorer(*opened(open_it, model=model, path=path, height=height), height)


def _check_sendable(volume: Volume, series: int | str | None, time: int | None) -> None:
    """Raise `InputError` where voxels and affine do not say all of what is to be shown."""
    if series is not None or time is not None:
        raise InputError(
            f"series and time choose in a file, got series={series!r}, time={time!r} for a Volume: "
            "give its path"
        )
    if volume.origins_lps is not None or volume.inverted:
        what = "unevenly spaced slices" if volume.origins_lps is not None else "dark high values"
        raise InputError(f"a Volume with {what} is not explored from memory: give its path")
