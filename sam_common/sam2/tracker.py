"""Tracker: a SAM 2 that follows one object through slices by its memory of those before.

`Sam2VideoModel` of transformers does the work; here are its session, which asks for one slice at a
time and forgets what no later slice needs, and the order of the slices:

```
slices       0  1  2  3  4  5  6  7  8  9          prompts on 3 and 6
prompted              *        *
upwards               >  >  >  >  >  >  >          from the first prompt to the last slice
downwards    <  <  <                               from the first prompt to the first slice
```
Every prompted slice is remembered for all others. Of the slices between, the last six are, and the
pointers to the object of the last fifteen. Memory does not grow with the number of slices: one
slice, its features, and at most fifteen small arrays are held.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from sam_common.network.architecture import SAM2_PREPROCESS
from sam_common.network.preprocess import prepare
from sam_common.sam2.library import transformers
from sam_common.sam2.slices import TrackedMask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy.typing as npt

    from sam_common.sam2.slices import SlicePrompt

OBJECT = 1
"""Number of the one object in a session of transformers."""
HEAVY = ("high_res_masks", "pred_masks")
"""What a session keeps of a slice and no later slice reads."""
MEMORIES = ("maskmem_features", "maskmem_pos_enc")
"""What a session keeps of a slice for the few slices after it."""


class Tracker:
    """A SAM 2 with its memory, ready to follow objects; calls share nothing but the weights.

    Args:
        model: A `Sam2VideoModel` of transformers with its weights.
        device: Torch's name of the device, to which the model is moved.
    """

    def __init__(self, model: Any, device: str = "cpu") -> None:
        self._model = model.to(device)
        self.device = device
        self.model_size = int(model.config.image_size)
        """Side of the network's square input in pixels."""

    def follow(
        self,
        image: Callable[[int], npt.NDArray[np.uint8]],
        prompts: Mapping[int, SlicePrompt],
        slices: range,
        *,
        image_hw: tuple[int, int],
        mask_hw: tuple[int, int],
    ) -> Iterator[Iterator[TrackedMask]]:
        """Follow an object upwards, then downwards; either way may be left before its end.

        Args:
            image: Gives a slice by its number, (h, w) grey or (h, w, 3) RGB, uint8.
            prompts: Prompts by the number of their slice; at least one.
            slices: Numbers of the slices to look at, ascending; all prompts lie among them.
            image_hw: Rows and columns of the images, in whose indices the prompts are.
            mask_hw: Rows and columns of the masks.

        Yields:
            The masks from the first prompt to the last slice, then those below the first prompt
            down to the first slice, each as an iterator.
        """
        # in a session the slices count from 0, as if there were no others
        upwards = self._session(image, slices)
        height, width = image_hw
        scale = np.array([self.model_size / width, self.model_size / height])
        for number in sorted(prompts):
            self._prompt(upwards, number - slices.start, prompts[number], scale)
        first = min(prompts) - slices.start
        yield self._masks(upwards, range(first, len(slices)), slices.start, mask_hw)
        # of its own, or the slices above would count as seen before those below
        downwards = self._session(image, slices)
        own, other = (s.output_dict_per_obj[s.obj_id_to_idx(OBJECT)] for s in (downwards, upwards))
        own["cond_frame_outputs"] = other["cond_frame_outputs"]
        yield self._masks(downwards, range(first - 1, -1, -1), slices.start, mask_hw)

    def _session(self, image: Callable[[int], npt.NDArray[np.uint8]], slices: range) -> Any:
        rules = replace(SAM2_PREPROCESS, size=self.model_size)

        def frame(index: int) -> torch.Tensor:
            pixels, _ = prepare(image(slices[index]), rules)
            return torch.from_numpy(pixels).to(self.device)

        return _session_kind()(frame, len(slices), self.device)

    def _prompt(
        self, session: Any, index: int, prompt: SlicePrompt, scale: npt.NDArray[np.float64]
    ) -> None:
        """Decode a prompt on its slice, which is then remembered for all others."""
        number = session.obj_id_to_idx(OBJECT)
        points = torch.from_numpy((prompt.points_xy * scale).astype(np.float32))
        labels = torch.from_numpy(prompt.labels.astype(np.int32))
        inputs = {"point_coords": points[None, None], "point_labels": labels[None, None]}
        session.add_point_inputs(number, index, inputs)
        session.obj_with_new_inputs = [OBJECT]
        with torch.inference_mode():
            self._model(session, frame_idx=index)
        session.output_dict_per_obj[number]["cond_frame_outputs"][index].pop("high_res_masks")

    def _masks(
        self, session: Any, order: range, first: int, mask_hw: tuple[int, int]
    ) -> Iterator[TrackedMask]:
        """Masks on slices in their order; `first` is the number of the slice of index 0."""
        for index in order:
            with torch.inference_mode():
                found = self._model(session, frame_idx=index, reverse=order.step < 0)
                logits = functional.interpolate(
                    found.pred_masks.float(), mask_hw, mode="bilinear", align_corners=False
                )
            self._forget(session, index)
            presence = float(found.object_score_logits.float().sigmoid().reshape(-1)[0])
            yield TrackedMask(first + index, logits[0, 0].cpu().numpy(), presence)

    def _forget(self, session: Any, index: int) -> None:
        """Drop what no slice after this one reads."""
        config = self._model.config
        kept = session.output_dict_per_obj[0]["non_cond_frame_outputs"]
        for other in list(kept):
            distance = abs(index - other)
            for name in HEAVY:
                kept[other].pop(name, None)
            if distance >= config.num_maskmem - 1:
                for name in MEMORIES:
                    kept[other].pop(name, None)
            if distance >= max(config.max_object_pointers_in_encoder, config.num_maskmem) - 1:
                del kept[other]


@functools.cache
def _session_kind() -> Any:
    """The class of a session whose slices are read when they are needed."""
    library = transformers()

    class SliceSession(library.Sam2VideoInferenceSession):  # type: ignore[misc, name-defined]
        """A session of transformers that holds one slice at a time."""

        def __init__(self, frame: Callable[[int], torch.Tensor], count: int, device: str) -> None:
            super().__init__(
                inference_device=device, inference_state_device=device, dtype=torch.float32
            )
            self._frame = frame
            self._count = count

        @property
        def num_frames(self) -> int:
            return self._count

        def get_frame(self, frame_idx: int) -> torch.Tensor:
            return self._frame(frame_idx)

    return SliceSession
