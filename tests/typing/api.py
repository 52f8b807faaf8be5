"""The public API as a user writes it; `mypy --strict` reads this file, nothing runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from typing_extensions import assert_type

from sam_common.automatic.nms import batched_nms, mask_iou
from sam_common.errors import CapabilityError, SuiteError
from sam_common.frame import Frame
from sam_common.masks.decoded import MaskRegion, Masks
from sam_common.masks.rle import RLE, decode, decode_region, encode
from sam_common.metrics.agreement import Agreement
from sam_common.prompts import PromptKind, Prompts
from sam_common.published.checkpoints import ModelInfo, fetch, model_info, registry
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.segmenter.predictor import Capabilities, Embedding, Segmenter, load_segmenter
from sam_common.window import Window
from sam_geo import (
    AutoOptions,
    Finish,
    GeoPrompt,
    PromptJob,
    load_prompts,
    open_raster,
    run_prompts,
    segment_everything,
    segment_prompts,
    write_table,
)
from sam_med import (
    LabelMap,
    ObjectPrompt,
    SliceBox,
    Volume,
    compare_files,
    measure,
    read_volume,
    segment_volume,
    write_labels,
)


def five_lines(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    segmenter = load_segmenter("mobile_sam")
    embedding = segmenter.embed(image)
    masks = segmenter.decode(embedding, Prompts.from_boxes([[75, 275, 1725, 850]]))
    return masks.full(0)


def segmenters(image: npt.NDArray[np.uint8]) -> None:
    segmenter = load_segmenter(Path("own.pth"), arch="vit_b", device="cpu", precision="fp32")
    assert_type(segmenter, Segmenter)
    assert_type(segmenter.name, str)
    assert_type(segmenter.engine, str)
    assert_type(segmenter.model_size, int)
    assert_type(segmenter.capabilities, Capabilities)
    assert_type(segmenter.capabilities.points, bool)
    assert_type(segmenter.capabilities.kinds, frozenset[PromptKind])
    assert_type(segmenter.embed(image), Embedding)
    assert_type(segmenter.embed_batch([image, image]), list[Embedding])


def prompts(points: list[tuple[float, float]], window: Window) -> None:
    boxes = Prompts.from_boxes(np.zeros((2, 4)))
    assert_type(boxes, Prompts)
    assert_type(boxes.boxes_xyxy, npt.NDArray[np.float64] | None)
    assert_type(Prompts.from_points(points, labels=[1] * len(points)).kinds, frozenset[PromptKind])
    assert_type(boxes[:1], Prompts)
    assert_type(boxes[np.array([1, 0])], Prompts)
    assert_type(boxes.into_window(window), Prompts)
    assert_type(len(boxes), int)


def masks(segmenter: Segmenter | FakeSegmenter, embedding: Embedding, given: Prompts) -> None:
    found: Masks = segmenter.decode(embedding, given, multimask=True)
    assert_type(found.best(), Masks)
    assert_type(found.logits, npt.NDArray[np.float32] | torch.Tensor)
    assert_type(found.prompt_logits(0), npt.NDArray[np.float32])
    assert_type(found.scores, npt.NDArray[np.float32])
    assert_type(found.stability(offset=1.0), npt.NDArray[np.float32])
    assert_type(found.full(0, 2, threshold=0.5), npt.NDArray[np.bool_])
    assert_type(found.image_size_hw, tuple[int, int])
    if (region := found.region(0)) is not None:
        assert_type(region, MaskRegion)
        assert_type(region.window, Window)
        assert_type(region.area_px, int)
        assert_type(region.box_xyxy, tuple[int, int, int, int])
        assert_type(mask_iou(region, region), float)


def batches(segmenter: Segmenter, embedding: Embedding, given: Prompts) -> Iterator[MaskRegion]:
    assert_type(segmenter.decode_batches(embedding, given), Iterator[Masks])
    for batch in segmenter.decode_batches(embedding, given):
        regions = (batch.region(n) for n in range(len(batch)))
        yield from (region for region in regions if region is not None)


def run_lengths(region: MaskRegion | None) -> None:
    rle = encode(region, (100, 200))
    assert_type(rle, RLE)
    assert_type(rle.area_px, int)
    assert_type(rle.box_xyxy, tuple[int, int, int, int] | None)
    assert_type(rle.counts, npt.NDArray[np.int64])
    assert_type(decode(RLE.from_coco(rle.to_coco())), npt.NDArray[np.bool_])
    assert_type(decode_region(rle), MaskRegion | None)


def suppression(boxes: list[list[float]]) -> npt.NDArray[np.int64]:
    return batched_nms(boxes, scores=[0.5] * len(boxes), groups=[0] * len(boxes), iou_threshold=0.7)


def geometry() -> None:
    window = Window.full((20, 30))
    assert_type(window.shape, tuple[int, ...])
    assert_type(window.slices, tuple[slice, ...])
    assert_type(window.expand(2).intersect(window), Window | None)
    frame = Frame.identity(2).crop(window)
    assert_type(frame, Frame)
    assert_type(frame.to_world([0, 0]), npt.NDArray[np.float64])
    assert_type(frame.compose(frame).to_index(np.zeros((3, 2))), npt.NDArray[np.float64])


def checkpoints() -> Path:
    assert_type(registry(), Mapping[str, ModelInfo])
    assert_type(model_info("lite_medsam").prompts, frozenset[PromptKind])
    try:
        return fetch("lite_medsam", progress=False)
    except CapabilityError as error:
        assert_type(error, CapabilityError)
        raise SuiteError(str(error)) from error


def trees(segmenter: Segmenter) -> PromptJob:
    segment_prompts("ortho.tif", Path("boxes.gpkg"), segmenter=segmenter).to_file("trees.gpkg")
    with open_raster("ortho.tif", bands=[4, 3, 2]) as source:
        found = load_prompts("boxes.gpkg", source, crs="EPSG:4326")
        assert_type(found, list[GeoPrompt])
        return run_prompts(source, found, segmenter)


def everything(segmenter: Segmenter) -> None:
    table = segment_everything(
        "ortho.tif",
        segmenter=segmenter,
        options=AutoOptions(tile_size=512),
        finish=Finish(min_area_m2=4.0, simplify=0.3),
    )
    write_table(table, "objects.gpkg", overwrite=True)


def brain(segmenter: Segmenter) -> None:
    volume = read_volume("head.nii.gz", modality="MR")
    assert_type(volume, Volume)
    box = ObjectPrompt.from_ijk("brain", 1, (10, 10, 10, 80, 90, 70))
    result = segment_volume(volume, [box], segmenter)
    assert_type(result.labels, LabelMap)
    write_labels(result.labels, result.volume, Path("brain.nii.gz"))


def liver(segmenter: Segmenter) -> None:
    scan = read_volume("scans", series=2)
    drawn = SliceBox.from_ijk(0, 89, (75, 59, 140, 120))
    result = segment_volume(scan, [ObjectPrompt("liver", 1, slice_boxes=(drawn,))], segmenter)
    result.save("liver.seg.dcm", overwrite=True)
    result.save("out", ["dicom_rtstruct", "nifti"])
    (segment,) = result.segments
    assert_type(segment.confidence, float | None)
    assert_type(measure(scan, result.segments)[0].volume_ml, float)
    assert_type(compare_files("liver.seg.dcm", "other.nii.gz")[0].agreement, Agreement)
