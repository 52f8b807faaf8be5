"""The script of the page runs as it stands there."""

from __future__ import annotations

import re

import slicer
import slicer.util
from oracle import ROOT, SUITE, VARIABLES
from scenes import nifti_volume
from SegmentAnythingLib import environment

PAGE = ROOT / "docs/slicer.md"


def test_the_script_for_the_console_finds_the_gallbladder(data, capsys, monkeypatch):
    (script,) = re.findall(r"```python\n(from SegmentAnything .*?)```", PAGE.read_text(), re.DOTALL)
    assert len(script.strip().splitlines()) <= 11
    volume = nifti_volume(data / "med/volumes/ct_abdomen/ct.nii.gz")
    truth = nifti_volume(data / "med/volumes/ct_abdomen/organs.nii.gz", "organs")
    environment.store(str(SUITE))
    # where the suite is installed, this checkout
    start = environment.start_server
    monkeypatch.setattr(environment, "start_server", lambda place, _: start(place, VARIABLES))
    names = {"slicer": slicer}
    exec(compile(script, str(PAGE), "exec"), names)  # noqa: S102  # that is what is tested
    environment.store("")
    assert names["volume"] is volume
    node = slicer.util.getNode("ct segmentation")
    found = slicer.util.arrayFromSegmentBinaryLabelmap(node, names["organ"], volume) > 0
    gallbladder = slicer.util.arrayFromVolume(truth) == 4
    dice = 2 * (found & gallbladder).sum() / (found.sum() + gallbladder.sum())
    assert dice > 0.7
    printed = capsys.readouterr().out.splitlines()
    # how often progress is told depends on how fast the machine is
    assert any(line.endswith(" slices") for line in printed)
    assert re.fullmatch(r"\d+ [\d.]+ \(.*\)", printed[-1])
