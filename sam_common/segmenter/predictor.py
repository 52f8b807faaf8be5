"""Predictor: a checkpoint on an engine, which embeds images and decodes prompts to masks.

```python
segmenter = load_segmenter("mobile_sam")
embedding = segmenter.embed(image)                       # seconds, once for an image
masks = segmenter.decode(embedding, Prompts.from_boxes([[75, 275, 1725, 850]]))    # milliseconds
mask = masks.region(0)
```
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace, device

from sam_common.engines.build import build_engine, resolve_device, resolve_engine
from sam_common.engines.precision import resolve_precision
from sam_common.errors import CapabilityError, ModelError
from sam_common.masks.decoded import Masks
from sam_common.network.architecture import CANDIDATES, GRID
from sam_common.network.preprocess import check_image, prepare
from sam_common.published import checkpoints
from sam_common.segmenter.capabilities import check_prompts
from sam_common.segmenter.located import locate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from sam_common.engines.engine import Engine
    from sam_common.network.architecture import Preprocess
    from sam_common.network.lazy_network import LazyNetwork
    from sam_common.network.sam import Sam
    from sam_common.prompts import Prompts
    from sam_common.segmenter.capabilities import Capabilities
    from sam_common.support.device_arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """The output of the image encoder for one image, from which prompts are decoded."""

    features: Array
    """(1, 256, 64, 64) float32, 4 MiB: a torch tensor where the engine runs on a GPU, else a numpy
    array. Of SAM 2 (1, 1024, 64, 64), 16 MiB, see `sam_common.sam2.network`."""
    image_size_hw: tuple[int, int]
    """Rows and columns of the image."""
    input_size_hw: tuple[int, int]
    """Rows and columns of the image after its resize and before its padding."""
    model: str
    """sha256 of the checkpoint that made the embedding; no other checkpoint can decode it."""


MANY = 1_000_000
"""So many prompts that the size of their batches is measured, and not the usual one."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The arguments of `load_segmenter`."""

    name_or_path: str
    arch: str | None
    device: str
    engine: str
    precision: str


@dataclass(frozen=True, slots=True, eq=False)
class Segmenter:
    """A checkpoint on an engine; calls depend on their arguments alone, threads may share it."""

    name: str
    """Name in the registry, or the file name of a checkpoint that is not in it."""
    sha256: str
    """sha256 of the checkpoint, 64 hexadecimal digits."""
    capabilities: Capabilities
    """The prompts that the checkpoint was trained for."""
    _preprocess: Preprocess
    _engine: Engine
    _is_sam2: bool = False
    """Whether prompts end as SAM 2 was trained: with padding, where there is a box as well."""
    _recipe: Recipe | None = None
    """How `load_segmenter` was called; None where the network was made in this process."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how another process loads the same segmenter: its weights are not pickled.

        Raises:
            ModelError: It was made from a network of this process.
        """
        if self._recipe is None:
            raise ModelError(
                f'segmenter "{self.name}" was made in this process, and others cannot load it: '
                f"save its weights to a file and give that to load_segmenter"
            )
        recipe = replace(self._recipe, engine=self.engine, precision=self.precision)
        return _loaded_elsewhere, (recipe, self.sha256, self._engine.decode_batch(MANY))

    @property
    def engine(self) -> str:
        """Name of the engine: "torch", "torch-compiled" or "openvino"."""
        return self._engine.name

    @property
    def precision(self) -> str:
        """Precision of the image encoder: "fp32" or "bf16"; the decoder runs in fp32."""
        return self._engine.precision

    @property
    def device(self) -> str:
        """Device of the engine: "cpu", "cuda:0", "mps"."""
        return self._engine.device

    @property
    def model_size(self) -> int:
        """Side of the network's square input in pixels: 1024 or 256."""
        return self._preprocess.size

    def embed(self, image: npt.NDArray[np.uint8]) -> Embedding:
        """Run the image encoder on one image.

        Args:
            image: (H, W, 3) RGB or (H, W) grey, uint8, of any size.

        Raises:
            InputError: If the array is no such image.
        """
        return self.embed_batch([image])[0]

    def embed_batch(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[Embedding]:
        """Run the image encoder on several images at once.

        Args:
            images: As `embed` takes them; they may differ in size.

        Returns:
            One embedding for each image, in order.

        Raises:
            InputError: If an array is no image; then none is embedded.
        """
        for image in images:
            check_image(image)
        if not images:
            return []
        prepared = [prepare(image, self._preprocess) for image in images]
        features = self._engine.encode(np.stack([pixels for pixels, _ in prepared]))
        return [
            Embedding(features[n : n + 1], _size_hw(image), prepared[n][1], self.sha256)
            for n, image in enumerate(images)
        ]

    def decode(self, embedding: Embedding, prompts: Prompts, *, multimask: bool = False) -> Masks:
        """Run the mask decoder on N prompts, and keep all their logits (256 KiB for each mask).

        Args:
            embedding: As `embed` of this segmenter returned it.
            prompts: Prompts in indices of the embedded image, sample centres at integers.
            multimask: Whether to return three candidates for each prompt instead of one, which is
                better for a single point.

        Returns:
            Masks of N prompts in order, with C candidates each.

        Raises:
            CapabilityError: If the checkpoint was not trained for a kind of prompt.
            ModelError: If another checkpoint made the embedding.
        """
        batches = self.decode_batches(embedding, prompts, multimask=multimask)
        candidates = CANDIDATES if multimask else 1
        # one array for all prompts from the start: to keep results between the large arrays of the
        # batches would fragment the heap, by 4 MiB a prompt
        logits: Any = np.empty((0, candidates, GRID, GRID), dtype=np.float32)
        scores = np.empty((len(prompts), candidates), dtype=np.float32)
        first = 0
        for batch in batches:
            if not len(logits):
                xp, place = array_namespace(batch.logits), device(batch.logits)
                shape = (len(prompts), *batch.logits.shape[1:])
                logits = xp.empty(shape, dtype=batch.logits.dtype, device=place)
            logits[first : first + len(batch)] = batch.logits
            scores[first : first + len(batch)] = batch.scores
            first += len(batch)
        return self._masks(logits, scores, embedding)

    def decode_batches(
        self, embedding: Embedding, prompts: Prompts, *, multimask: bool = False
    ) -> Iterator[Masks]:
        """As `decode`, a few prompts at a time and in order: memory does not grow with N."""
        check_prompts(self.name, self.capabilities, prompts)
        if multimask and not self.capabilities.multimask:
            raise CapabilityError(f'model "{self.name}" gives one mask a prompt, not three')
        if embedding.model != self.sha256:
            raise ModelError(
                f"the embedding was made by checkpoint {embedding.model[:12]}, not by "
                f'"{self.name}" ({self.sha256[:12]}): embed the image again'
            )
        return self._batches(embedding, prompts, multimask=multimask)

    def _batches(
        self, embedding: Embedding, prompts: Prompts, *, multimask: bool
    ) -> Iterator[Masks]:
        (height, width), (rows, cols) = embedding.image_size_hw, embedding.input_size_hw
        # as published, indices are multiplied by the ratio of the sizes
        if self._preprocess.resize == "area":
            scale = np.full(2, self.model_size / max(height, width))
        else:
            scale = np.array([cols / width, rows / height])
        size = self._engine.decode_batch(len(prompts))
        for first in range(0, len(prompts), size):
            part = prompts[first : first + size]
            logits, scores = self._engine.decode(
                embedding.features,
                *part.as_points(scale, always_padded=self._is_sam2),
                part.mask_logits,
                multimask=multimask,
            )
            yield self._masks(logits, scores, embedding)

    def _masks(self, logits: Array, scores: npt.NDArray[np.float32], embedding: Embedding) -> Masks:
        """Masks of an embedding's image."""
        if self._preprocess.is_stretched:
            # as published: one step from the logits to the image, with no padding to cut between
            return Masks(logits, scores, embedding.image_size_hw, (GRID, GRID), GRID)
        return Masks(
            logits, scores, embedding.image_size_hw, embedding.input_size_hw, self.model_size
        )


def load_segmenter(
    name_or_path: str | Path,
    *,
    arch: str | None = None,
    device: str = "auto",
    engine: str = "auto",
    precision: str = "auto",
) -> Segmenter:
    """Load a segmenter for a published checkpoint, a checkpoint file, or a tuned model.

    Args:
        name_or_path: A name of `sam-common weights list`, whose checkpoint is fetched and verified
            where it is not in the cache yet; the path of a checkpoint file; that of a tuned model,
            a `.safetensors` file that `finetune` wrote, whose base is found by its sha256; or that
            of a folder of a SAM 2, which `save_pretrained` of transformers wrote.
        arch: Architecture of a checkpoint file, a name in `ARCHITECTURES`; not needed for names.
        device: "cpu", "cuda", "cuda:1", "mps", or "auto" for a GPU where there is one.
        engine: "torch", "torch-compiled" (with `torch.compile`), "openvino", or "auto": OpenVINO on
            CPUs where it is installed, else torch.
        precision: "fp32", "bf16", or "auto": bf16 where the hardware supports it and the masks stay
            the same (see `sam_common.engines.precision`).

    Raises:
        UnknownModelError: If there is no such name, or no such architecture.
        InputError: If there is no such file.
        CheckpointError: If the file does not fit the architecture, or a tuned model its base.
        ModelError: If the device, engine or precision is not available on this machine, the network
            needs a library that is not installed, or it decodes no single images.
        WeightsError: If the checkpoint cannot be fetched.
    """
    resolved_device = resolve_device(device)
    engine_name = resolve_engine(engine, resolved_device)
    found = locate(name_or_path, arch)
    if found.architecture.is_tracker:
        raise ModelError(
            f'model "{found.name}" (input of {found.architecture.preprocess.size} pixels) only '
            f"follows objects through slices: sam-med segment --method memory"
        )
    placement = (resolved_device, engine_name, precision)
    made = _segmenter(found.network(), found.name, found.capabilities, placement)
    name = str(name_or_path)
    # a worker may have another current folder
    is_path = name not in checkpoints.registry() and Path(name).exists()
    place = str(Path(name).absolute()) if is_path else name
    return replace(made, _recipe=Recipe(place, arch, device, engine, precision))


_LOADED: dict[tuple[Recipe, str], Segmenter] = {}
"""Segmenters that came from other processes; one is loaded once, whatever the number of jobs."""
_LOADING = threading.Lock()


def _loaded_elsewhere(recipe: Recipe, sha256: str, decode_batch: int) -> Segmenter:
    """The segmenter that another process pickled, loaded in this one.

    Raises:
        ModelError: Its weights, engine or precision are others here.
    """
    with _LOADING:
        if (known := _LOADED.get((recipe, sha256))) is not None:
            return known
        # one network for each process: memory is what a worker is short of
        _LOADED.clear()
        made = load_segmenter(
            recipe.name_or_path,
            arch=recipe.arch,
            device=recipe.device,
            engine=recipe.engine,
            precision=recipe.precision,
        )
        for what, here, there in (
            ("sha256", made.sha256, sha256),
            ("engine", made.engine, recipe.engine),
            ("precision", made.precision, recipe.precision),
        ):
            if here != there:
                raise ModelError(
                    f"{recipe.name_or_path} has {what} {here} here, and {there} where the job "
                    f"began: give both the same files and libraries"
                )
        made._engine.fix_decode_batch(decode_batch)  # noqa: SLF001  # its own module
        _LOADED[recipe, sha256] = made
        return made


def segmenter_of(
    network: Sam,
    *,
    name: str,
    sha256: str,
    capabilities: Capabilities,
    placement: tuple[str, str, str] = ("cpu", "torch", "fp32"),
) -> Segmenter:
    """A segmenter around a network that is ready for inference.

    Args:
        network: As `Sam.prepare_inference` returned it.
        name: Name of the segmenter in messages.
        sha256: Hash that identifies the weights; embeddings carry it.
        capabilities: The prompts that the network was trained for.
        placement: Device, engine and precision, as `load_segmenter` takes them.
    """
    from sam_common.network.lazy_network import as_lazy  # noqa: PLC0415 - loads torch

    return _segmenter(as_lazy(network, sha256), name, capabilities, placement)


def _segmenter(
    network: LazyNetwork, name: str, capabilities: Capabilities, placement: tuple[str, str, str]
) -> Segmenter:
    device, engine, wanted = placement
    engine_name = resolve_engine(engine, device)
    precision = resolve_precision(wanted, network, device=device, engine=engine_name)
    return Segmenter(
        name,
        network.sha256,
        capabilities,
        network.architecture.preprocess,
        build_engine(engine_name, network, device, precision),
        network.architecture.is_sam2,
    )


def _size_hw(image: npt.NDArray[np.uint8]) -> tuple[int, int]:
    return int(image.shape[0]), int(image.shape[1])
