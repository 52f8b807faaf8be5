"""Models: a fitted classifier with all that is needed to use it on another image, as one file.

Files are written and read by skops, which builds known classes only: unlike a pickle, a file of
somebody else cannot run code of its own.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sam_common.errors import InputError
from sam_common.support.files import check_input, write_bytes
from sam_geo.bands.embedding_axes import EmbeddingAxes
from sam_geo.bands.features import Features
from sam_geo.bands.guide import Guide
from sam_geo.bands.indices import find_indices

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]

FORMAT = "sam-geo land cover 1"
"""What the note of a model file begins with."""
TRUSTED = frozenset(
    {
        "numpy.dtype",
        "sam_geo.learning.classifier.Calibrated",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
    }
)
"""Classes that hold numbers only, which skops leaves to its callers to trust."""


DAMAGE = (
    zipfile.BadZipFile,
    AttributeError,
    EOFError,
    ImportError,
    KeyError,
    OSError,
    TypeError,
    ValueError,
)
"""What reading a file that is damaged, or that another program wrote, may raise."""


class Classifier(Protocol):
    """A classifier as scikit-learn has them, after it was fitted."""

    classes_: npt.NDArray[np.generic]

    def predict_proba(self, values: FloatArray) -> npt.NDArray[np.floating[Any]]:
        """(N, K) probabilities of the classes of features (N, F)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LandcoverModel:
    """A classifier of pixels, and how their features are computed."""

    classes: tuple[str, ...]
    """(K,) names of the classes, in the order of the probabilities."""
    features: Features
    guide: Guide
    """How pixels are compared, for smoothing along edges and for superpixels."""
    classifier: Classifier
    ranges: FloatArray
    """(F, 2) least and greatest value of each feature among the samples."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """What the model was trained on, as JSON."""
    embedding: EmbeddingAxes | None = None
    """The network whose embedding is among the features; None where there is none."""

    def check_network(self, name: str, sha256: str) -> None:
        """Raise `InputError` where another network is used than the model was trained with."""
        known = self.embedding
        if known is not None and known.sha256 != sha256:
            raise InputError(
                f"the model was trained with the network {known.network} (sha256 "
                f"{known.sha256[:12]}), and {name} is another one ({sha256[:12]}): give that "
                f"network by --model"
            )

    def check_bands(self, names: Sequence[str], *, files: str) -> None:
        """Raise `InputError` where a stack has other bands than the model was trained on."""
        known = self.features.band_names
        if len(names) != len(known):
            raise InputError(
                f"the model was trained on {len(known)} bands ({', '.join(known)}), and {files} "
                f"has {len(names)} ({', '.join(names)})"
            )
        if tuple(names) != known:
            raise InputError(
                f"the model was trained on the bands {', '.join(known)}, and those of {files} are "
                f"{', '.join(names)}: if they are the same in this order, say so by --band-names "
                f"{','.join(known)}"
            )


def save_model(model: LandcoverModel, path: str | os.PathLike[str]) -> None:
    """Write a model to a file, whole or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    import skops.io  # noqa: PLC0415 - loads all of scikit-learn, and torch

    note = {
        "format": FORMAT,
        "classes": model.classes,
        "bands": model.features.band_names,
        "indices": [index.name for index in model.features.indices],
        "sides": model.features.sides,
        "with_openings": model.features.with_openings,
        "over_superpixels": model.features.over_superpixels,
        "network": None if model.embedding is None else _network(model.embedding),
        "training": dict(model.training),
    }
    content = {
        "note": json.dumps(note, sort_keys=True),
        "classifier": model.classifier,
        "ranges": model.ranges,
        "guide": [model.guide.low, model.guide.high, model.guide.axes],
    }
    if model.embedding is not None:
        content["embedding"] = [model.embedding.mean, model.embedding.axes]
    write_bytes(path, skops.io.dumps(content, compression=zipfile.ZIP_DEFLATED))


def _network(embedding: EmbeddingAxes) -> dict[str, str]:
    return {"name": embedding.network, "sha256": embedding.sha256}


def load_model(path: str | os.PathLike[str]) -> LandcoverModel:
    """Read a model that `save_model` wrote.

    Raises:
        InputError: There is no such file, it is no model of land cover, or holds classes that are
            not known to be harmless.
    """
    file = Path(path)
    check_input(file)
    try:
        return _unpacked(file.read_bytes(), file)
    except DAMAGE as error:
        raise InputError(
            f"{file} is no model of land cover ({type(error).__name__}): give a file that sam-geo "
            f"landcover --save wrote"
        ) from error


def _unpacked(data: bytes, file: Path) -> LandcoverModel:
    import skops.io  # noqa: PLC0415 - loads all of scikit-learn, and torch

    strange = set(skops.io.get_untrusted_types(data=data)) - TRUSTED
    if strange:
        raise InputError(
            f"{file} holds objects that may run code of their own, and is not opened: "
            f"{', '.join(sorted(strange))}"
        )
    content = skops.io.loads(data, trusted=sorted(TRUSTED))
    note = json.loads(content["note"])
    if note["format"] != FORMAT:
        raise InputError(f"{file} is a model of another version: {note['format']}")
    names = tuple(note["bands"])
    network, embedding = note["network"], None
    if network is not None:
        embedding = EmbeddingAxes(network["name"], network["sha256"], *content["embedding"])
    features = Features(
        names,
        find_indices(note["indices"], names),
        tuple(note["sides"]),
        with_openings=bool(note["with_openings"]),
        over_superpixels=bool(note["over_superpixels"]),
        embedding_axes=0 if embedding is None else embedding.count,
    )
    return LandcoverModel(
        tuple(note["classes"]),
        features,
        Guide(*content["guide"]),
        content["classifier"],
        content["ranges"],
        note["training"],
        embedding,
    )
