"""SAM 2 beside transformers: the true tiny size with seeded weights, images of 1024 px.

```console
$ python -m tests.benchmarks.sam2
```
Both sides are run in turn, in one process. Where other work shares the machine, seconds of the CPU
say more than those of the clock.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from sam_common.network.architecture import SAM2_PREPROCESS
from sam_common.network.preprocess import prepare
from sam_common.prompts import Prompts
from sam_common.sam2.network import Sam2
from sam_common.sam2.shapes import config_of
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.predictor import Segmenter, segmenter_of
from sam_common.support.device_arrays import to_host
from tests.oracles.sam2_models import seeded_image_model

SHA256 = "5a2e" * 16
ALL = Capabilities(points=True, boxes=True, masks=True, multimask=True)
TARGET = 2.0
"""How many times as fast the encoder is to be."""


def picture() -> np.ndarray:
    """An image that costs what any other does."""
    return np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)


def boxes(count: int) -> np.ndarray:
    """Boxes all over that image."""
    corners = np.random.default_rng(1).uniform(0, 800, (count, 2))
    return np.concatenate([corners, corners + 200], axis=1)


def measured(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Median seconds of the clock and of the CPU for each side, run in turn."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, run in sides.items():
            clock, cpu = time.perf_counter(), time.process_time()
            run()
            spent = (time.perf_counter() - clock, time.process_time() - cpu)
            if number:  # the first run compiles
                found[name].append(spent)
    return {
        name: (statistics.median(s[0] for s in each), statistics.median(s[1] for s in each))
        for name, each in found.items()
    }


def rows(rounds: int, precisions: list[str]) -> Iterator[str]:
    """Lines of a table: what, seconds of both sides, and how many times as fast ours is."""
    model = seeded_image_model(config=config_of("hiera_tiny"))
    pixels, _ = prepare(picture(), SAM2_PREPROCESS)
    tensor = torch.from_numpy(pixels[None])
    ours = {precision: _segmenter(model, precision) for precision in precisions}
    yield "| what | side | clock s | CPU s | times as fast, CPU |"
    yield "|---|---|---|---|---|"
    sides = {"transformers": lambda: model.get_image_embeddings(tensor)}
    sides |= {
        f"{one.engine}, {name}": lambda one=one: one._engine.encode(pixels[None])
        for name, one in ours.items()
    }
    yield from _lines("image encoder", measured(sides, rounds))
    levels = model.get_image_embeddings(tensor)
    embedding = ours["fp32"].embed(picture())
    for count in (1, 16):
        prompts = Prompts.from_boxes(boxes(count))
        given = torch.tensor(prompts.boxes_xyxy).float()[None]

        def peer(given: torch.Tensor = given) -> object:
            with torch.inference_mode():
                return model(image_embeddings=levels, input_boxes=given, multimask_output=False)

        def own(prompts: Prompts = prompts) -> object:
            return ours["fp32"].decode(embedding, prompts)

        yield from _lines(
            f"{count} boxes to logits",
            measured({"transformers": peer, f"{ours['fp32'].engine}, fp32": own}, rounds),
        )
    if len(ours) == 1:
        return
    exact, fast = (to_host(one.embed(picture()).features) for one in ours.values())
    error = np.linalg.norm(fast - exact) / np.linalg.norm(exact)
    yield f"bf16 differs from fp32 by {error:.4f} (relative RMS of the embedding, seeded weights)"


def _segmenter(model: object, precision: str) -> Segmenter:
    return segmenter_of(
        Sam2(model).prepare_inference(),
        name="seeded",
        sha256=SHA256,
        capabilities=ALL,
        placement=("cpu", "auto", precision),
    )


def _lines(what: str, spent: dict[str, tuple[float, float]]) -> Iterator[str]:
    base = spent["transformers"][1]
    for name, (clock, cpu) in spent.items():
        yield f"| {what} | {name} | {clock:.2f} | {cpu:.2f} | {base / cpu:.1f} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    given = parser.parse_args()
    for line in rows(given.rounds, given.precisions):
        print(line, flush=True)  # noqa: T201 - it is a command
