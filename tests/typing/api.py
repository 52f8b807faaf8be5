"""The public API as a user writes it; `mypy --strict` reads this file, nothing runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import numpy.typing as npt
import torch
from affine import Affine
from typing_extensions import assert_type

from sam_common.errors import CapabilityError, PromptError, SuiteError
from sam_common.executors import DaskExecutor
from sam_common.segmenter import (
    RLE,
    Capabilities,
    Embedding,
    EmbeddingStore,
    FakeSegmenter,
    Frame,
    MaskRegion,
    Masks,
    PromptKind,
    Prompts,
    Segmenter,
    Window,
    load_segmenter,
    segmenter_of,
)
from sam_common.server.client import Client
from sam_geo import (
    Assessment,
    AutoOptions,
    AutoRequest,
    ChangeRequest,
    ClassEstimates,
    ClassifyRequest,
    Detections,
    Detector,
    EncodeRequest,
    Estimate,
    EverythingOptions,
    FinetuneRequest,
    Finish,
    GeoPrompt,
    JobReport,
    LandcoverRequest,
    MapChange,
    MapEstimates,
    PromptJob,
    PromptRequest,
    RasterExplorer,
    RasterSource,
    RunOptions,
    SampleChoice,
    SimilarRequest,
    TrainingJob,
    TrainingOptions,
    WordOptions,
    assess,
    classify_objects,
    detect_change,
    draw_points,
    dry_run_auto,
    dry_run_change,
    dry_run_finetune,
    dry_run_landcover,
    dry_run_prompts,
    find_more,
    finetune,
    frame_from_affine,
    landcover,
    load_detector,
    load_prompts,
    open_raster,
    run_auto,
    run_change,
    run_classify,
    run_encode,
    run_finetune,
    run_landcover,
    run_prompts,
    run_request,
    run_similar,
    segment_everything,
    segment_prompts,
    segment_words,
    write_table,
)
from sam_geo import Stretch as RasterStretch
from sam_geo import explore as explore_raster
from sam_med import (
    Agreement,
    Candidate,
    Code,
    Comparison,
    Diagnostic,
    GivenCorrection,
    GivenPrompts,
    Label,
    LabelMap,
    Mark,
    Measurement,
    ObjectPrompt,
    PaintedSlice,
    PropagatedObject,
    Provenance,
    RefusedError,
    ReviewRow,
    Segment,
    Segmentation,
    Series,
    SliceBox,
    SliceConfidence,
    SliceEmbeddings,
    Volume,
    VolumeExplorer,
    VoxelMask,
    VoxelPoint,
    Written,
    choose_stretch,
    compare_files,
    convert_volume,
    correct,
    correct_segments,
    describe_path,
    find_series,
    from_ras_affine,
    measure,
    read_corrections,
    read_prompts,
    read_volume,
    review_rows,
    segment_slice_boxes,
    segment_volume,
    write_labels,
    write_measurements,
    write_outputs,
    write_review,
)
from sam_med import FinetuneRequest as VolumeFinetuneRequest
from sam_med import Stretch as VolumeStretch
from sam_med import TrainingJob as VolumeTrainingJob
from sam_med import TrainingOptions as VolumeTrainingOptions
from sam_med import dry_run_finetune as dry_run_finetune_volumes
from sam_med import explore as explore_volume
from sam_med import finetune as finetune_volumes
from sam_med import run_finetune as run_finetune_volumes


def five_lines(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    segmenter = load_segmenter("mobile_sam")
    embedding = segmenter.embed(image)
    masks = segmenter.decode(embedding, Prompts.from_boxes([[75, 275, 1725, 850]]))
    return masks.full(0)


def segmenters(image: npt.NDArray[np.uint8], folder: Path) -> None:
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
    store = EmbeddingStore(folder, {"model": segmenter.sha256})
    store.put("0", segmenter.embed(image))
    assert_type(store.get("0"), Embedding | None)


def own_network(network: Any) -> Segmenter:
    trained = Capabilities(points=True, boxes=True, masks=True, multimask=True)
    return segmenter_of(network, name="mine", sha256="0" * 64, capabilities=trained)


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


def batches(segmenter: Segmenter, embedding: Embedding, given: Prompts) -> Iterator[MaskRegion]:
    assert_type(segmenter.decode_batches(embedding, given), Iterator[Masks])
    for batch in segmenter.decode_batches(embedding, given):
        regions = (batch.region(n) for n in range(len(batch)))
        yield from (region for region in regions if region is not None)


def geometry() -> None:
    window = Window.full((20, 30))
    assert_type(window.shape, tuple[int, ...])
    assert_type(window.slices, tuple[slice, ...])
    assert_type(window.expand(2).intersect(window), Window | None)
    frame = Frame.identity(2).crop(window)
    assert_type(frame, Frame)
    assert_type(frame.to_world([0, 0]), npt.NDArray[np.float64])
    assert_type(frame.compose(frame).to_index(np.zeros((3, 2))), npt.NDArray[np.float64])
    assert_type(frame_from_affine(Affine.identity()), Frame)
    assert_type(from_ras_affine(np.eye(4)), Frame)


def run_lengths(rle: RLE) -> None:
    assert_type(rle.area_px, int)
    assert_type(rle.box_xyxy, tuple[int, int, int, int] | None)
    assert_type(RLE.from_coco(rle.to_coco()), RLE)


def errors(segmenter: Segmenter, embedding: Embedding) -> None:
    try:
        segmenter.decode(embedding, Prompts.from_points([[1, 2]]))
    except CapabilityError as error:
        raise SuiteError(str(error)) from error


def trees(segmenter: Segmenter) -> PromptJob:
    segment_prompts("ortho.tif", Path("boxes.gpkg"), segmenter=segmenter).to_file("trees.gpkg")
    with open_raster("ortho.tif", bands=[4, 3, 2]) as source:
        assert_type(source, RasterSource)
        found = load_prompts("boxes.gpkg", source, crs="EPSG:4326")
        assert_type(found, list[GeoPrompt])
        options = RunOptions(stretch=RasterStretch(((0.0, 255.0),) * 3), workers=2)
        job = run_prompts(source, found, segmenter, options=options)
        assert_type(job.report, JobReport)
        return job


def words(segmenter: Segmenter, image: npt.NDArray[np.uint8]) -> None:
    detector = load_detector("grounding_dino_tiny", device="cpu")
    assert_type(detector, Detector)
    found = detector.boxes_of(image, ["solar panel", "car"], threshold=0.3)
    assert_type(found, Detections)
    assert_type(found.boxes_xyxy, npt.NDArray[np.float64])
    for asked in ("car", ["car"], WordOptions(("car",), threshold=0.3, window=400)):
        table = segment_words("ortho.tif", asked, segmenter=segmenter, detector=detector)
        assert_type(table, geopandas.GeoDataFrame)
    request = PromptRequest(
        image="ortho.tif", words=WordOptions(("car",)), output=Path("cars.gpkg")
    )
    assert_type(run_request(request, lambda: segmenter, find=lambda: detector)[0], PromptJob)


def everything(segmenter: Segmenter) -> None:
    table = segment_everything(
        "ortho.tif",
        segmenter=segmenter,
        options=AutoOptions(tile_size=512, everything=EverythingOptions(points_per_side=16)),
        finish=Finish(min_area_m2=4.0, simplify=0.3),
    )
    assert_type(table, geopandas.GeoDataFrame)
    write_table(table, "objects.gpkg", overwrite=True)


def on_workers(segmenter: Segmenter, client: Any) -> None:
    executor = DaskExecutor(client, patience_s=600.0, resources={"GPU": 1})
    request = AutoRequest(image="a.tif", output=Path("objects.gpkg"), executor=executor)
    assert_type(run_auto(request, lambda: segmenter), dict[str, Any])
    segment_prompts("a.tif", Path("boxes.gpkg"), segmenter=segmenter, executor=executor)
    detector = load_detector("grounding_dino_tiny")
    segment_words("a.tif", "car", segmenter=segmenter, detector=detector, executor=executor)


def jobs(segmenter: Segmenter) -> None:
    auto = AutoRequest(image="ortho.tif", output=Path("objects.gpkg"))
    assert_type(dry_run_auto(auto, lambda: segmenter), dict[str, Any])
    assert_type(run_auto(auto, lambda: segmenter), dict[str, Any])
    boxes = PromptRequest(image="ortho.tif", prompts=Path("boxes.gpkg"), output=Path("trees.gpkg"))
    assert_type(dry_run_prompts(boxes, lambda: segmenter), dict[str, Any])
    assert_type(run_request(boxes, lambda: segmenter), tuple[PromptJob, dict[str, Any]])
    kept = EncodeRequest(image="ortho.tif", output=Path("embeddings"))
    assert_type(run_encode(kept, lambda: segmenter), dict[str, Any])


def land_cover(segmenter: Segmenter) -> dict[str, Any]:
    record = landcover("ortho.tif", "samples.gpkg", "map.tif", class_field="kind")
    assert_type(record, dict[str, Any])
    request = LandcoverRequest(
        rasters=("july.tif", "october.tif"),
        output=Path("map.tif"),
        learn=SampleChoice(samples=Path("samples.gpkg"), indices=("ndvi",)),
        objects="auto",
        polygons=Path("map.gpkg"),
    )
    assert_type(dry_run_landcover(request), dict[str, Any])
    assert_type(run_landcover(request, lambda: segmenter), dict[str, Any])
    return landcover([Path("july.tif"), "october.tif"], "samples.gpkg", "map.tif", options=request)


def accuracy_of_a_map() -> Estimate:
    points = draw_points("map.tif", 200, allocation="equal")
    assert_type(points, geopandas.GeoDataFrame)
    write_table(points, "points.gpkg")
    found = assess("map.tif", Path("points.gpkg"), class_field="seen")
    assert_type(found, Assessment)
    estimates: MapEstimates = found.estimates
    assert_type(estimates.classes, tuple[ClassEstimates, ...])
    assert_type(estimates.classes[0].area_m2.times(1e-4).margin, float)
    return estimates.overall


def change_of_two_maps() -> MapChange:
    found = detect_change("before.tif", Path("after.tif"), min_pixels=4)
    assert_type(found.polygons, geopandas.GeoDataFrame)
    assert_type(found.misreg_share, float)
    request = ChangeRequest(before="before.tif", after="after.tif", output=Path("change.gpkg"))
    assert_type(run_change(request), dict[str, Any])
    assert_type(dry_run_change(request), dict[str, Any])
    return found


def brain(segmenter: Segmenter) -> None:
    volume = read_volume("head.nii.gz", modality="MR")
    assert_type(volume, Volume)
    box = ObjectPrompt.from_ijk("brain", 1, (10, 10, 10, 80, 90, 70))
    result = segment_volume(volume, [box], segmenter)
    assert_type(result, Segmentation)
    assert_type(result.labels, LabelMap)
    assert_type(result.labels.labels, tuple[Label, ...])
    write_labels(result.labels, result.volume, Path("brain.nii.gz"))


def liver(segmenter: Segmenter) -> None:
    assert_type(find_series("scans"), list[Series])
    try:
        scan = read_volume("scans", series=2)
    except RefusedError as error:
        assert_type(error.diagnostics, tuple[Diagnostic, ...])
        raise
    drawn = SliceBox.from_ijk(0, 89, (75, 59, 140, 120))
    code = Code("10200004", "SCT", "Liver")
    prompt = ObjectPrompt("liver", 1, slice_boxes=(drawn,), code=code)
    stretch = choose_stretch(scan, preset="soft-tissue")
    assert_type(stretch, VolumeStretch)
    result = segment_volume(scan, [prompt], segmenter, stretch=stretch)
    result.save("liver.seg.dcm", overwrite=True)
    assert_type(result.segments[0].slices, tuple[SliceConfidence, ...])
    write_review(result.segments, scan, stretch, Path("review.html"))
    assert_type(review_rows(result.segments), list[ReviewRow])


def one_slice_corrected(scan: Volume, segmenter: Segmenter) -> None:
    with SliceEmbeddings(scan, choose_stretch(scan), segmenter) as slices:
        found = segment_slice_boxes(slices, [SliceBox.from_ijk(0, 89, (75, 59, 140, 120))])
        window = Window((70, 60), (72, 62))
        painted = PaintedSlice(0, 95, window, np.ones((2, 2), dtype=np.bool_))
        assert_type(correct(found, slices, painted), PropagatedObject)
        click = Mark("click", ((95, 70, 60),), positive=False)
        assert_type(correct(found, slices, click), PropagatedObject)
        segment = found.segment("liver", 1)
        assert_type(segment.candidates, tuple[Candidate, ...])
        given = [GivenCorrection("liver", click)]
        assert_type(correct_segments(slices, [segment], given), list[Segment])
        assert_type(read_corrections(Path("marks.json"), scan), list[GivenCorrection])


def prompts_of_a_file(scan: Volume) -> tuple[ObjectPrompt, ...]:
    given = read_prompts(Path("boxes.json"), scan)
    assert_type(given, GivenPrompts)
    window = Window((0, 0, 0), (2, 2, 2))
    mask = VoxelMask(window, bits=b"\xff")
    return (*given.objects, ObjectPrompt("a", 1, points=(VoxelPoint((1, 2, 3)),), mask=mask))


def figures(volume: Volume, segments: list[Segment]) -> list[Measurement]:
    assert_type(describe_path("scans"), dict[str, Any])
    assert_type(convert_volume(volume, "scan.nii.gz"), tuple[str, ...])
    provenance = Provenance("0.1.0", "lite_medsam", "0" * 64, "planes", "0" * 64)
    written = write_outputs(segments, volume, "out", ["nifti", "seg"], provenance)
    assert_type(written, Written)
    notes = write_measurements("out.seg.dcm", volume, "out.sr.dcm", overwrite=True)
    assert_type(notes, tuple[str, ...])
    compared = compare_files("truth.nii.gz", "out.nii.gz")
    assert_type(compared, list[Comparison])
    assert_type(compared[0].agreement, Agreement)
    return measure(volume, segments)


def taught() -> None:
    options = TrainingOptions(parts="both", epochs=20, seed=1)
    assert_type(
        finetune("ortho.tif", "roofs.gpkg", "r.safetensors", options=options), dict[str, Any]
    )
    job = TrainingJob(output=Path("r.safetensors"), model="mobile_sam", options=options)
    request = FinetuneRequest(image="ortho.tif", objects=Path("roofs.gpkg"), job=job)
    assert_type(dry_run_finetune(request), dict[str, Any])
    assert_type(run_finetune(request)["output"], Any)


def taught_organs() -> None:
    options = VolumeTrainingOptions(epochs=20)
    assert_type(finetune_volumes("list.csv", "l.safetensors", options=options), dict[str, Any])
    job = VolumeTrainingJob(output=Path("l.safetensors"), model="lite_medsam", options=options)
    request = VolumeFinetuneRequest(examples=Path("list.csv"), job=job, names=("liver",))
    assert_type(dry_run_finetune_volumes(request), dict[str, Any])
    assert_type(run_finetune_volumes(request), dict[str, Any])


def host(client: Client) -> None:
    assert_type(client.models(), list[dict[str, Any]])


def any_error(error: PromptError) -> str:
    return str(error)


def more_of_a_kind(segmenter: Segmenter) -> dict[str, Any]:
    record = find_more("ortho.tif", "examples.gpkg", "more.gpkg", least_probability=0.8)
    assert_type(record, dict[str, Any])
    request = SimilarRequest(
        image="ortho.tif",
        examples=Path("examples.gpkg"),
        output=Path("more.gpkg"),
        corrections=Path("corrected.gpkg"),
    )
    return run_similar(request, lambda: segmenter)


def classes_of_objects() -> dict[str, Any]:
    record = classify_objects("a.tif", "roofs.gpkg", "samples.gpkg", "o.gpkg", class_field="kind")
    assert_type(record["counts"], Any)
    request = ClassifyRequest(
        rasters=("july.tif", "october.tif"),
        objects=Path("roofs.gpkg"),
        samples=Path("samples.gpkg"),
        output=Path("o.gpkg"),
    )
    return run_classify(request)


def explored(
    pixels: npt.NDArray[np.uint8], scan: Volume
) -> tuple[geopandas.GeoDataFrame, LabelMap]:
    raster: RasterExplorer = explore_raster("ortho.tif", bands=(1, 2, 3), stretch="0,255")
    with explore_raster(pixels, affine=Affine.identity(), crs="EPSG:32633", nodata=0) as shown:
        shown.session.add_point(shown.session.add_object("tree"), (3, 4))
    raster.close()
    volume: VolumeExplorer = explore_volume(scan, preset="abdomen", height=700)
    assert_type(explore_volume(Path("scans"), series=2), VolumeExplorer)
    volume.session.propagate()
    return raster.objects, volume.labels
