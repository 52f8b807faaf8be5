"""Every comparison: what is run on which side, and what must come out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from sam_common.engines.openvino_engine import supports_bf16
from sam_common.network.checkpoint import read_state
from sam_common.network.sam import build_sam
from sam_common.published import checkpoints
from tests.benchmarks import floor, inputs
from tests.benchmarks.compare import (
    Comparison,
    Side,
    matched,
    relative_error,
    same_cover,
    same_labels,
)
from tests.oracles.random_weights import randomise

OURS = "tests.benchmarks.ours"
PUBLISHED = "tests.benchmarks.published"
TRANSFORMERS = "tests.benchmarks.transformers_peer"
SEGMENT_GEOSPATIAL = "tests.benchmarks.samgeo_peer"
NAMES = {
    "lite_medsam": "LiteMedSAM",
    "mobile_sam": "MobileSAM",
    "vit_b": "SAM ViT-B (seeded weights)",
}
LARGE = 4096
SMALL_BATCH = 16
"""Points that the published generator takes at once on the large picture: at its own 64 it would
hold 12 GiB of logits, and a copy of those that pass."""
CLICKS = 50


def encoders() -> Iterator[Comparison]:
    """Image encoders, at the precision that `auto` takes and in fp32."""
    targets = {
        ("lite_medsam", "auto"): ">= 4x with bf16",
        ("lite_medsam", "fp32"): ">= 2.2x",
        ("mobile_sam", "auto"): ">= 4x with bf16",
        ("mobile_sam", "fp32"): ">= 2.2x",
        ("vit_b", "auto"): ">= 6x with bf16",
        ("vit_b", "fp32"): ">= 3x",
    }
    for (model, precision), target in targets.items():
        # without bfloat16 both are one
        if precision == "auto" and not supports_bf16():
            continue
        yield Comparison(
            f"{NAMES[model]} encoder, {precision}",
            target,
            Side(PUBLISHED, "encode", {"model": model}),
            Side(OURS, "encode", {"model": model, "precision": precision}),
            work=floor.encode(model),
            agreement=relative_error("features"),
            pairs=3 if model == "vit_b" else 9,
        )


def peers(python: Path, root: Path) -> Iterator[Comparison]:
    """The encoder as transformers has it, and the whole job of segment-geospatial.

    Args:
        python: Of the environment that has both.
        root: Of the test data.
    """
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "vit_b.pt"
        torch.save(randomise(build_sam("vit_b"), inputs.SEED).state_dict(), state)
        yield Comparison(
            f"{NAMES['vit_b']} encoder, fp32, against transformers",
            "",
            Side(TRANSFORMERS, "encode", {"state": str(state)}, str(python)),
            Side(OURS, "encode", {"model": "vit_b", "precision": "fp32"}),
            work=floor.encode("vit_b"),
            agreement=relative_error("features"),
            pairs=3,
        )
        state = Path(folder) / "mobile_sam.pt"
        torch.save(read_state(checkpoints.fetch("mobile_sam")), state)
        given = {"root": str(root), "points_per_side": 16}
        yield Comparison(
            "a GeoTIFF of 400 x 400 to polygons, 16 x 16 points, against segment-geospatial",
            "",
            Side(SEGMENT_GEOSPATIAL, "polygons", {**given, "state": str(state)}, str(python)),
            Side(OURS, "polygons", given),
            work=floor.add(
                floor.encode("mobile_sam"), floor.decode("mobile_sam", 256, multimask=True)
            ),
            agreement=same_cover,
            pairs=2,
            warm=False,
        )


def decoders() -> Iterator[Comparison]:
    """Boxes on one embedding."""
    # anything on the machine disturbs a run of some hundredths of a second
    pairs_of = {1: 25, 16: 5, 64: 5, 1024: 1}
    for count, pairs in pairs_of.items():
        arguments = {"model": "mobile_sam", "count": count}
        yield Comparison(
            f"mask decoder, {count} {'box' if count == 1 else 'boxes'}",
            ">= 2x" if count == 1 else ">= 4x",
            Side(PUBLISHED, "decode", arguments),
            Side(OURS, "decode", arguments),
            work=floor.decode("mobile_sam", count),
            agreement=relative_error("logits"),
            pairs=pairs,
            warm=pairs > 1,
        )


def clicks() -> Iterator[Comparison]:
    """From a prompt on a known embedding to a mask of the image."""
    for model, kind, target in (
        ("lite_medsam", "box", "p95 <= 100 ms"),
        ("mobile_sam", "click", "p95 <= 100 ms"),
        ("mobile_sam", "box", "p95 <= 100 ms"),
        ("vit_b", "click", "p95 <= 150 ms"),
        ("vit_b", "box", "p95 <= 150 ms"),
    ):
        arguments = {"model": model, "kind": kind}
        yield Comparison(
            f"{NAMES[model]}, {kind}",
            target,
            Side(PUBLISHED, "click", arguments),
            Side(OURS, "click", arguments),
            work=floor.decode(model, 1, multimask=kind == "click"),
            pairs=2,
            runs=CLICKS,
        )


def jobs(root: Path) -> Iterator[Comparison]:
    """Whole jobs, once each: they take minutes.

    Args:
        root: Of the test data.
    """
    given = {"root": str(root)}
    everything = floor.add(
        floor.encode("mobile_sam"), floor.decode("mobile_sam", 1024, multimask=True)
    )
    yield Comparison(
        "everything in a picture of 1200 x 1800, 32 x 32 points, MobileSAM, fp32",
        ">= 5x, >= 98 % of masks",
        Side(PUBLISHED, "everything", {**given, "points_per_side": 32}),
        Side(OURS, "everything", {**given, "points_per_side": 32}),
        work=everything,
        agreement=matched,
        pairs=1,
        warm=False,
    )
    large = {**given, "points_per_side": 8, "repeat_to": LARGE}
    yield Comparison(
        f"everything in {LARGE} x {LARGE}, 8 x 8 points, fp32, published {SMALL_BATCH} at once",
        "memory <= 1/3",
        Side(PUBLISHED, "everything", {**large, "batch": SMALL_BATCH}),
        Side(OURS, "everything", large),
        work=floor.add(floor.encode("mobile_sam"), floor.decode("mobile_sam", 64, multimask=True)),
        agreement=matched,
        pairs=1,
        warm=False,
    )
    yield Comparison(
        "five organs on thirty slices, LiteMedSAM, published 3-D loop",
        ">= 10x, same label map",
        Side(PUBLISHED, "loop", given),
        Side(OURS, "loop", given),
        work=floor.add(
            floor.times(30, floor.encode("lite_medsam")),
            floor.times(150, floor.decode("lite_medsam", 1)),
        ),
        agreement=same_labels,
        pairs=1,
        warm=False,
    )
