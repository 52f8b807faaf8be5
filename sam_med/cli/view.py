"""`sam-med view`: a volume in the browser, to draw boxes in."""

from __future__ import annotations

from sam_common.cli.view import NoOpen, Port, ViewModel, show_page
from sam_med.cli import options as med
from sam_med.run.methods import DEFAULT_MODEL


def view_command(
    source: med.Input,
    *,
    model: ViewModel = DEFAULT_MODEL,
    series: med.Series = None,
    time: med.Time = None,
    modality: med.Modality = None,
    preset: med.Preset = None,
    window: med.Width = None,
    level: med.Level = None,
    port: Port = 0,
    no_open: NoOpen = False,
) -> None:
    """Show a volume in the browser: draw boxes, follow objects, review slices, save them.

    The page is served to this machine alone, and needs no internet. Ctrl-C ends it.
    """
    number = int(series) if series is not None and series.isdecimal() else series
    request = {
        "kind": "volume",
        "path": str(source),
        "model": model,
        "series": number,
        "time": time,
        "modality": modality,
        "preset": preset,
        "width": window,
        "level": level,
    }
    show_page(request, port=port, no_open=no_open)
