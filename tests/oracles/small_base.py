"""A base for trainings that is as small as can be, in the place of every published network."""

from __future__ import annotations

from lessons import ALL, BASE
from small_networks import learning_network

from sam_common.network.architecture import ARCHITECTURES
from sam_common.segmenter.predictor import segmenter_of
from sam_common.training import job


class Found:
    """What `locate` gives."""

    tuned = None
    architecture = ARCHITECTURES["tiny_vit_256"]
    name, arch, sha256, licence, capabilities = "small", "tiny_vit_256", BASE.sha256, "MIT", ALL

    def load(self):
        return learning_network(7)


def use(monkeypatch, *modules):
    """Let trainings, and modules that look a base up, find the small network."""
    for where in (job, *modules):
        monkeypatch.setattr(where, "locate", lambda _name, _arch=None: Found())
    monkeypatch.setattr(
        job,
        "load_segmenter",
        lambda _name, **_: segmenter_of(
            learning_network(7), name="small", sha256=BASE.sha256, capabilities=ALL
        ),
    )
