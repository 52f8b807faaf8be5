"""Classifiers: kinds of scikit-learn that hold with few samples, and their calibration."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sam_common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]
    Chances = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]

TREES = 100
"""Trees of a forest."""
LEAF = 2
"""Samples of the smallest leaf of an extra tree: leaves of one learn every mistake."""
DEFAULT = "ensemble"
"""Kind of classifier where the user names none."""
LEAST_CHANCE = 1e-3
"""Least probability before calibration: trees say 0 where they have just never seen it."""
TEMPERATURES = (0.2, 5.0)
"""Range of the temperature: far out, a few samples would make all probabilities alike."""


@dataclass(frozen=True, slots=True)
class Balance:
    """How much each class counts in learning: as the root of its samples.

    Between two answers that are both wrong: as often as they were sampled, where a class of few
    samples is never found, and all alike, where it is found everywhere.
    """

    weights: Mapping[int, float]
    """Weight of a pixel of each class that is learned, classes counted from 0 without gaps: a vote
    and boosting number them so, and look weights up by these numbers."""
    priors: tuple[float, ...]
    """Share of each class, in the order of the classes that are learned."""

    @classmethod
    def of(cls, known: IntArray, learned: IntArray) -> Balance:
        """Balance the classes (N,) of all sampled pixels over those (M,) that are learned."""
        classes, count = np.unique(learned, return_counts=True)
        roots = np.sqrt(np.bincount(known, minlength=int(classes.max()) + 1)[classes])
        weights = roots / roots.sum() * len(learned) / count
        return cls(
            dict(zip(classes.tolist(), weights.tolist(), strict=True)),
            tuple((roots / roots.sum()).tolist()),
        )


def _random_forest(seed: int, balance: Balance) -> Any:
    return RandomForestClassifier(TREES, class_weight=dict(balance.weights), random_state=seed)


def _extra_trees(seed: int, balance: Balance) -> Any:
    return ExtraTreesClassifier(
        TREES, min_samples_leaf=LEAF, class_weight=dict(balance.weights), random_state=seed
    )


def _ensemble(seed: int, balance: Balance) -> Any:
    """Mean of four that err in different ways: two of thresholds, two of straight lines."""
    kinds = {
        "forest": _random_forest,
        "extra": _extra_trees,
        "logistic": _logistic,
        "discriminant": _discriminant,
    }
    return VotingClassifier(
        [(name, make(seed, balance)) for name, make in kinds.items()], voting="soft"
    )


def _boosting(seed: int, balance: Balance) -> Any:
    return HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=8, min_samples_leaf=5, l2_regularization=1.0,
        class_weight=dict(balance.weights), random_state=seed,
    )  # fmt: skip


def _logistic(seed: int, balance: Balance) -> Any:
    linear = LogisticRegression(
        C=0.1, max_iter=2000, class_weight=dict(balance.weights), random_state=seed
    )
    return make_pipeline(StandardScaler(), linear)


def _discriminant(_seed: int, balance: Balance) -> Any:
    linear = LinearDiscriminantAnalysis(
        solver="lsqr", shrinkage="auto", priors=list(balance.priors)
    )
    return make_pipeline(StandardScaler(), linear)


KINDS: dict[str, Callable[[int, Balance], Any]] = {
    "ensemble": _ensemble,
    "random-forest": _random_forest,
    "extra-trees": _extra_trees,
    "boosting": _boosting,
    "logistic": _logistic,
    "discriminant": _discriminant,
}
"""Classifiers by name; each takes a seed and how much each class counts."""


def make_classifier(name: str, seed: int, balance: Balance) -> Pipeline:
    """Make a classifier that has learned nothing yet; missing features become medians.

    Args:
        name: One of `KINDS`, or `module:function`: a function without arguments that gives a
            classifier with scikit-learn's interface and `predict_proba`.
        seed: Another number gives other trees.
        balance: How much each class counts; a classifier of the user has its own way.

    Raises:
        InputError: There is no such kind or function, or it gives no classifier with
            probabilities.
    """
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(fill, KINDS[name](seed, balance) if name in KINDS else _of_user(name))


def check_classifier(name: str) -> None:
    """Raise `InputError` where there is no classifier of this name, see `make_classifier`."""
    if name not in KINDS:
        _of_user(name)


def _of_user(name: str) -> Any:
    module, colon, function = name.partition(":")
    if not colon:
        raise InputError(
            f"no classifier {name!r}: choose one of {', '.join(KINDS)}, or your own as "
            f"module:function"
        )
    try:
        made = getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError, TypeError) as error:
        raise InputError(f"--classifier {name} cannot be made: {error}") from error
    if not is_classifier(made) or not hasattr(made, "predict_proba"):
        raise InputError(
            f"--classifier {name} gives {type(made).__name__}, which is no classifier of "
            f"scikit-learn with predict_proba"
        )
    return made


class Calibrated(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped bases
    """A fitted classifier whose probabilities are as often right as they say.

    All log-probabilities are divided by one temperature (Guo et al. 2017,
    https://proceedings.mlr.press/v70/guo17a.html): one number, so a few samples are enough for it,
    and the order of the classes stays.
    """

    def __init__(self, estimator: Any, temperature: float = 1.0) -> None:
        self.estimator = estimator
        self.temperature = temperature

    @property
    def classes_(self) -> IntArray:
        """(K,) classes in the order of the probabilities."""
        return np.asarray(self.estimator.classes_, dtype=np.int64)

    def predict_proba(self, values: FloatArray) -> Chances:
        """(N, K) calibrated probabilities of features (N, F)."""
        return tempered(self.estimator.predict_proba(values), self.temperature)


def tempered(chances: npt.NDArray[np.floating[Any]], temperature: float) -> Chances:
    """Probabilities (N, K) at another temperature; above 1 they are less sure."""
    logarithm = np.log(np.clip(chances, LEAST_CHANCE, None)) / temperature
    raised = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def best_temperature(chances: Chances, classes: IntArray, weights: Chances) -> float:
    """The temperature at which probabilities of samples that were not learned fit best.

    Args:
        chances: (N, K) probabilities.
        classes: (N,) true class of each row.
        weights: (N,) weight of each row.
    """
    rows = np.arange(len(classes))

    def loss(logarithm: float) -> float:
        found = tempered(chances, float(np.exp(logarithm)))[rows, classes]
        return float(-(weights * np.log(found)).sum() / weights.sum())

    found = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))
