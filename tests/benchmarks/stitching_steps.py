"""Switches that turn single steps of `docs/stitching.md` off, for the ablations of this folder."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from unittest import mock

from sam_common.stitching import evidence, mend, overlap
from sam_common.stitching.groups import Groups
from sam_geo.automatic import scene, seams, windows_to_objects


def _nothing(*_arguments, **_options):
    """Stand in for a step that changes what it is given."""


def _link_in_order(found, groups):
    """Link in the order in which overlaps were seen."""
    for a, b in zip(found._firsts, found._seconds, strict=True):
        groups.join(a, b)


def _choose_no_view(groups, choose=Groups.choose_views):
    """Stitch every object of several windows, though one window saw it whole."""
    choose(groups)
    for n in range(len(groups.views)):
        groups.views[n] = -1


LINKING = {
    "links": (evidence, "mutual_best", lambda *_: ()),
    "close outlines": (overlap.Comparison, "outlines_agree", lambda pairs: pairs.iou > 1),
    "nested masks": (overlap.Comparison, "nested", lambda pairs: pairs.iou > 1),
    "smaller of equals": (overlap, "IOU_STEP", 1e-6),
    "best link first": (evidence.Evidence, "_link_best_first", _link_in_order),
    "known pieces out": (evidence.Evidence, "_leave_known_pieces_out", _nothing),
    "unconfirmed out": (evidence.Evidence, "_leave_unconfirmed_out", _nothing),
    "whole views": (Groups, "choose_views", _choose_no_view),
}
"""Steps that need nothing but the masks of all windows, as (owner, name, stand-in)."""
NETWORK = {
    "continuation": (windows_to_objects, "open_ends", lambda _groups: {}),
    "moved windows": (seams.Mender, "mend", _nothing),
    "larger window": (seams, "SIDES", (1,)),
    "sharpening": (mend._MovedWindow, "sharpened", lambda *_: []),
    "denied out": (seams.Mender, "_judge", _nothing),
    "mended twins out": (scene.Scene, "twins", lambda *_: set()),
}
"""Steps that ask the network again."""
STEPS = {**LINKING, **NETWORK}


@contextmanager
def without(steps):
    """Turn steps off while the block runs."""
    with ExitStack() as stack:
        for step in steps:
            stack.enter_context(mock.patch.object(*STEPS[step]))
        yield
