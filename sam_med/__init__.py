"""Medical volumes: DICOM, NIfTI, NRRD and MetaImage to label maps on the same grid.

For research, not a medical device.

Names are imported when they are first used, so `import sam_med` loads no torch and no image
library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sam_common.support.lazy import lazy_names

if TYPE_CHECKING:
    from sam_common.metrics.agreement import Agreement as Agreement
    from sam_common.training.job import TrainingJob as TrainingJob
    from sam_common.training.options import TrainingOptions as TrainingOptions
    from sam_med.corrections.correct import correct as correct
    from sam_med.corrections.files import GivenCorrection as GivenCorrection
    from sam_med.corrections.files import read_corrections as read_corrections
    from sam_med.corrections.marks import Mark as Mark
    from sam_med.files.read import read_volume as read_volume
    from sam_med.finetuning.run import FinetuneRequest as FinetuneRequest
    from sam_med.finetuning.run import dry_run_finetune as dry_run_finetune
    from sam_med.finetuning.run import finetune as finetune
    from sam_med.finetuning.run import run_finetune as run_finetune
    from sam_med.geometry.diagnostics import Diagnostic as Diagnostic
    from sam_med.geometry.diagnostics import RefusedError as RefusedError
    from sam_med.geometry.frame import from_ras_affine as from_ras_affine
    from sam_med.geometry.slice_box import SliceBox as SliceBox
    from sam_med.geometry.volume import Volume as Volume
    from sam_med.measurements.measure import Measurement as Measurement
    from sam_med.measurements.measure import measure as measure
    from sam_med.notebook.explore import explore as explore
    from sam_med.notebook.volume_explorer import VolumeExplorer as VolumeExplorer
    from sam_med.objects.labels import Label as Label
    from sam_med.objects.labels import LabelMap as LabelMap
    from sam_med.objects.provenance import Provenance as Provenance
    from sam_med.objects.segments import Candidate as Candidate
    from sam_med.objects.segments import Segment as Segment
    from sam_med.objects.segments import SliceConfidence as SliceConfidence
    from sam_med.objects.snomed import Code as Code
    from sam_med.prompts.files import GivenPrompts as GivenPrompts
    from sam_med.prompts.files import read_prompts as read_prompts
    from sam_med.prompts.object_prompt import ObjectPrompt as ObjectPrompt
    from sam_med.prompts.object_prompt import VoxelMask as VoxelMask
    from sam_med.prompts.object_prompt import VoxelPoint as VoxelPoint
    from sam_med.propagate.correction import PaintedSlice as PaintedSlice
    from sam_med.propagate.planes import segment_slice_boxes as segment_slice_boxes
    from sam_med.propagate.propagated_object import PropagatedObject as PropagatedObject
    from sam_med.report.compare import Comparison as Comparison
    from sam_med.report.compare import compare_files as compare_files
    from sam_med.report.geometry_report import describe_path as describe_path
    from sam_med.report.measurements import write_measurements as write_measurements
    from sam_med.report.review import ReviewRow as ReviewRow
    from sam_med.report.review import review_rows as review_rows
    from sam_med.report.review import write_review as write_review
    from sam_med.run.convert import convert_volume as convert_volume
    from sam_med.run.correct import correct_segments as correct_segments
    from sam_med.run.segment import segment_volume as segment_volume
    from sam_med.run.segmentation import Segmentation as Segmentation
    from sam_med.series.find import find_series as find_series
    from sam_med.series.grouping import Series as Series
    from sam_med.slices.embedded_slices import SliceEmbeddings as SliceEmbeddings
    from sam_med.slices.window_level import Stretch as Stretch
    from sam_med.slices.window_level import choose_stretch as choose_stretch
    from sam_med.write.results import Written as Written
    from sam_med.write.results import write_labels as write_labels
    from sam_med.write.results import write_outputs as write_outputs

_HOME = {
    "Agreement": "sam_common.metrics.agreement",
    "Candidate": "sam_med.objects.segments",
    "Code": "sam_med.objects.snomed",
    "Comparison": "sam_med.report.compare",
    "Diagnostic": "sam_med.geometry.diagnostics",
    "FinetuneRequest": "sam_med.finetuning.run",
    "GivenCorrection": "sam_med.corrections.files",
    "GivenPrompts": "sam_med.prompts.files",
    "Label": "sam_med.objects.labels",
    "LabelMap": "sam_med.objects.labels",
    "Mark": "sam_med.corrections.marks",
    "Measurement": "sam_med.measurements.measure",
    "ObjectPrompt": "sam_med.prompts.object_prompt",
    "PaintedSlice": "sam_med.propagate.correction",
    "PropagatedObject": "sam_med.propagate.propagated_object",
    "Provenance": "sam_med.objects.provenance",
    "RefusedError": "sam_med.geometry.diagnostics",
    "ReviewRow": "sam_med.report.review",
    "Segment": "sam_med.objects.segments",
    "Segmentation": "sam_med.run.segmentation",
    "Series": "sam_med.series.grouping",
    "SliceBox": "sam_med.geometry.slice_box",
    "SliceConfidence": "sam_med.objects.segments",
    "SliceEmbeddings": "sam_med.slices.embedded_slices",
    "Stretch": "sam_med.slices.window_level",
    "TrainingJob": "sam_common.training.job",
    "TrainingOptions": "sam_common.training.options",
    "Volume": "sam_med.geometry.volume",
    "VolumeExplorer": "sam_med.notebook.volume_explorer",
    "VoxelMask": "sam_med.prompts.object_prompt",
    "VoxelPoint": "sam_med.prompts.object_prompt",
    "Written": "sam_med.write.results",
    "choose_stretch": "sam_med.slices.window_level",
    "compare_files": "sam_med.report.compare",
    "convert_volume": "sam_med.run.convert",
    "correct": "sam_med.corrections.correct",
    "correct_segments": "sam_med.run.correct",
    "describe_path": "sam_med.report.geometry_report",
    "dry_run_finetune": "sam_med.finetuning.run",
    "explore": "sam_med.notebook.explore",
    "find_series": "sam_med.series.find",
    "finetune": "sam_med.finetuning.run",
    "from_ras_affine": "sam_med.geometry.frame",
    "measure": "sam_med.measurements.measure",
    "read_corrections": "sam_med.corrections.files",
    "read_prompts": "sam_med.prompts.files",
    "read_volume": "sam_med.files.read",
    "review_rows": "sam_med.report.review",
    "run_finetune": "sam_med.finetuning.run",
    "segment_slice_boxes": "sam_med.propagate.planes",
    "segment_volume": "sam_med.run.segment",
    "write_labels": "sam_med.write.results",
    "write_measurements": "sam_med.report.measurements",
    "write_outputs": "sam_med.write.results",
    "write_review": "sam_med.report.review",
}
__all__ = list(_HOME)


__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
