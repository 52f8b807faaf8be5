"""Case work: how a batch segments one case, in this process or on a worker of a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sam_common.errors import InputError
from sam_med.objects.overlap import DEFAULT_OVERWRITE, overwrite_of
from sam_med.objects.seg_type import DEFAULT_SEG_TYPE, seg_type_of
from sam_med.run.case_outputs import outputs_of
from sam_med.run.methods import DEFAULT_METHOD, DEFAULT_MODEL, method_of
from sam_med.run.request import OutputRequest, prompt_sources_of, read_options_of
from sam_med.run.run_case import run_case
from sam_med.write.output_paths import manifest_path, plan_targets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sam_common.segmenter.predictor import Segmenter
    from sam_common.segmenter.tracking import LoadedTracker
    from sam_med.run.case_list import Case
    from sam_med.run.methods import Method
    from sam_med.run.request import PromptSources, ReadOptions
    from sam_med.run.run_case import Listener


@dataclass(frozen=True, slots=True, eq=False)
class CaseWork:
    """Segments the cases of a batch; each network is loaded once in a process, if it is needed.

    It can be pickled as long as it has segmented nothing.
    """

    load: Callable[[Method], Segmenter | LoadedTracker]
    """Makes the network of a method."""
    listener: Listener
    """Hears notes and progress."""
    formats: tuple[str, ...] = ()
    """Names of the formats of each output; that of its suffix where empty."""
    overwrite: bool = False
    """Whether outputs that are there are replaced."""
    keep_embeddings: bool = False
    """Whether embeddings outlive the run."""
    model: str = DEFAULT_MODEL
    """Name of the network: what prompts it takes is known before it is loaded."""
    seg_type: str = DEFAULT_SEG_TYPE
    """How a DICOM SEG holds its pixels, where the case does not say."""
    overwrite_labels: str = DEFAULT_OVERWRITE
    """Whether later objects take voxels of earlier ones, where the case does not say."""
    method: str = DEFAULT_METHOD
    """How prompts become 3-D masks, where the case does not say."""
    _loaded: dict[Method, Segmenter | LoadedTracker] = field(default_factory=dict)

    def outputs(self, case: Case) -> tuple[Path, ...]:
        """The files that a case writes, but for its manifest."""
        return outputs_of(case, self.formats)

    def targets(self, case: Case) -> dict[str, Path]:
        """The same by the names of their formats."""
        return plan_targets(case.output, self.formats)

    def written(self, case: Case) -> tuple[Path, ...]:
        """The same, and its manifest."""
        files = self.outputs(case)
        return (*files, manifest_path(*files))

    def segment(self, case: Case) -> int:
        """Segment a case, write its output and give its number of objects.

        Raises:
            SuiteError: Something is wrong with the case; nothing was written.
        """
        chosen, sources, wanted, options = self._understood(case)
        report = run_case(
            case.input,
            sources,
            wanted,
            lambda: self._network(chosen),
            options=options,
            method=chosen,
            listener=self.listener,
        )
        return len(report["labels"])

    def check(self, case: Case) -> None:
        """Find what is wrong with a case without opening its files or loading a network.

        Raises:
            SuiteError: A file is missing, or a cell of the list has no meaning.
        """
        self._understood(case)
        self.outputs(case)
        for path, role in case.roles.items():
            if path != case.output and not path.exists():
                raise InputError(f"no such file: {role}")

    def _understood(self, case: Case) -> tuple[Method, PromptSources, OutputRequest, ReadOptions]:
        """What the list says of a case: how, from which prompts, what is written, how it is read.

        Raises:
            SuiteError: A cell has no meaning.
        """
        given = case.options
        wanted = OutputRequest(
            case.output,
            self.formats,
            overwrite=self.overwrite,
            keep_embeddings=self.keep_embeddings,
            model=self.model,
            seg_type=seg_type_of(given.get("seg_type", self.seg_type)),
            overwrite_labels=overwrite_of(given.get("overwrite_labels", self.overwrite_labels)),
        )
        method = method_of(given.get("method", self.method))
        return method, prompt_sources_of(case), wanted, read_options_of(case)

    def _network(self, chosen: Method) -> Segmenter | LoadedTracker:
        """The network of a method; all methods of slices share one."""
        kind: Method = chosen if chosen == "memory" else DEFAULT_METHOD
        if kind not in self._loaded:
            self._loaded[kind] = self.load(chosen)
        return self._loaded[kind]
