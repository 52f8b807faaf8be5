"""Networks: detectors of transformers, from an image and phrases to boxes and their scores.

```
phrases -> tokens -> text encoder, once for all images     (Grounding DINO: BERT; others: CLIP)
image   -> pixels -> image encoder -> boxes, and scores against each phrase
```
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import nn

from sam_common.detectors.detector import Detections, check_phrases, check_threshold, kept
from sam_common.detectors.pixels import by_shorter_side, in_square, rgb, stretched
from sam_common.errors import ModelError, PromptError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from functools import partial

    import numpy.typing as npt

    from sam_common.detectors.detector import Detector


class TransformersDetector(ABC):
    """A detector that transformers builds; threads may share it.

    Args:
        model: The network with its weights.
        tokenizer: Words to the tokens of its text encoder.
        name: Name in messages and records.
        sha256: Hash that identifies the weights.
        device: Torch's name of the device, to which the model is moved.
        elsewhere: Loads the same detector in another process; None where it was made in this one.
    """

    threshold: ClassVar[float]
    """Least score that the published processor of the network takes."""
    side: int
    """Side in pixels of images that are not resized, or hardly."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str,
        sha256: str,
        device: str = "cpu",
        elsewhere: partial[Detector] | None = None,
    ) -> None:
        self._model = model.to(device).eval().requires_grad_(requires_grad=False)
        self._tokenizer = tokenizer
        self._told: tuple[tuple[str, ...], Any] = ((), None)
        self.name = name
        self.sha256 = sha256
        self.device = device
        self._elsewhere = elsewhere

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how another process loads the same detector: its weights are not pickled.

        Raises:
            ModelError: It was made from a network of this process.
        """
        if self._elsewhere is None:
            raise ModelError(
                f'detector "{self.name}" was made in this process, and others cannot load it: save '
                f"it with its tokenizer to a folder and give that to load_detector"
            )
        return self._elsewhere.func, self._elsewhere.args

    def boxes_of(
        self,
        image: npt.NDArray[np.uint8],
        phrases: Sequence[str],
        *,
        threshold: float | None = None,
    ) -> Detections:
        """Find the objects that some phrases describe; see `Detector.boxes_of`."""
        least = self.threshold if threshold is None else check_threshold(threshold)
        wanted = check_phrases(phrases)
        picture = rgb(image)
        with torch.inference_mode():
            corners, scores = self._scored(picture, self._text(wanted))
        size_hw = (picture.shape[0], picture.shape[1])
        return kept(_array(corners), _array(scores), size_hw, least)

    def check_text(self, phrases: Sequence[str]) -> None:
        """Check phrases; see `Detector.check_text`."""
        with torch.inference_mode():
            self._text(check_phrases(phrases))

    def _text(self, phrases: tuple[str, ...]) -> Any:
        """What the text encoder makes of phrases, kept for the next image."""
        known, text = self._told
        if known != phrases:
            text = self._encoded(phrases)
            self._told = (phrases, text)
        return text

    def _tokens(self, phrases: Sequence[str], most: int, **settings: Any) -> Any:
        """Tokens of phrases as tensors on the device.

        Raises:
            PromptError: A phrase has more tokens than the text encoder takes.
        """
        lengths = [len(ids) for ids in self._tokenizer(list(phrases))["input_ids"]]
        if max(lengths) > most:
            n = int(np.argmax(lengths))
            raise PromptError(
                f"the text {phrases[n]!r} has {lengths[n]} tokens, but {self.name} takes {most} "
                f"at most: use fewer words"
            )
        found = self._tokenizer(list(phrases), return_tensors="pt", **settings)
        return {name: values.to(self.device) for name, values in found.items()}

    def _pixels(self, pixels: npt.NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(pixels).to(self.device)

    @abstractmethod
    def _encoded(self, phrases: tuple[str, ...]) -> Any:
        """What the text encoder makes of phrases."""

    @abstractmethod
    def _scored(self, image: npt.NDArray[np.uint8], text: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Corners (K, 4) in pixels from the outer corner of an image, and scores (K, P)."""


class GroundingDino(TransformersDetector):
    """Grounding DINO (Liu et al. 2023, arXiv 2303.05499): all phrases are one text.

    ```
    solar panel. car.
    ```
    The score of a box for a phrase is the highest of those for the tokens of the phrase. Image and
    text meet inside the network; what BERT makes of the text alone is kept for the next image.
    """

    threshold = 0.25
    shorter, longer = 800, 1333
    side = 800

    def __init__(self, model: Any, tokenizer: Any, **about: Any) -> None:
        super().__init__(model, tokenizer, **about)
        self._model.model.text_backbone = _Kept(self._model.model.text_backbone)

    def _encoded(self, phrases: tuple[str, ...]) -> Any:
        """The tokens of all phrases, and which of them are whose."""
        # a full stop ends a phrase
        clean = [phrase.lower().replace(".", " ").strip() for phrase in phrases]
        for phrase, words in zip(phrases, clean, strict=True):
            if not words:
                raise PromptError(f"the text {phrase!r} has no words")
        most = self._model.config.max_text_len
        tokens = self._tokens([". ".join(clean) + "."], most, return_token_type_ids=True)
        ids = tokens["input_ids"][0].tolist()
        stop = self._tokenizer.convert_tokens_to_ids(".")
        owners = torch.full((len(phrases), len(ids)), fill_value=False)
        n = 0
        for at, token in enumerate(ids[1:-1], start=1):
            if token == stop:
                n += 1
            else:
                owners[n, at] = True
        return tokens, owners.to(self.device)

    def _scored(self, image: npt.NDArray[np.uint8], text: Any) -> tuple[torch.Tensor, torch.Tensor]:
        tokens, owners = text
        pixels = self._pixels(by_shorter_side(image, shorter=self.shorter, longer=self.longer))
        found = self._model(pixel_values=pixels, **tokens)
        by_token = found.logits[0].sigmoid()[:, : owners.shape[1]]
        scores = torch.stack([by_token[:, own].amax(dim=1) for own in owners], dim=1)
        rows, cols = image.shape[:2]
        return _corners(found.pred_boxes[0]) * _sizes(cols, rows, self.device), scores


class Owlv2(TransformersDetector):
    """OWLv2 (Minderer et al. 2023, arXiv 2306.09683): every phrase is embedded by itself, once."""

    threshold = 0.1

    def __init__(self, model: Any, tokenizer: Any, **about: Any) -> None:
        super().__init__(model, tokenizer, **about)
        self.side = int(model.config.vision_config.image_size)

    def _encoded(self, phrases: tuple[str, ...]) -> Any:
        most = self._model.config.text_config.max_position_embeddings
        tokens = self._tokens(phrases, most, padding="max_length", max_length=most)
        found = self._model.owlv2.get_text_features(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        )
        return found.pooler_output[None]

    def _scored(self, image: npt.NDArray[np.uint8], text: Any) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = self._pixels(in_square(image, self.side))
        grid, _ = self._model.image_embedder(pixels)
        places = grid.flatten(1, 2)
        logits, _ = self._model.class_predictor(places, text)
        boxes = self._model.box_predictor(places, grid)
        # of the square, not of the image in its corner
        longest = max(image.shape[:2])
        return _corners(boxes[0]) * longest, logits[0].sigmoid()


class Sam3Concepts(TransformersDetector):
    """SAM 3 (Carion et al. 2025, arXiv 2511.16719) asked for a concept: the boxes of its objects.

    The image is encoded once, each phrase is decoded by itself. A score is that of the box times
    that of the concept being in the image at all.
    """

    threshold = 0.3

    def __init__(self, model: Any, tokenizer: Any, **about: Any) -> None:
        super().__init__(model, tokenizer, **about)
        size = model.config.vision_config.image_size
        self.side = int(size if isinstance(size, int) else size[0])

    def _encoded(self, phrases: tuple[str, ...]) -> Any:
        most = self._model.config.text_config.max_position_embeddings
        texts = []
        for phrase in phrases:
            tokens = self._tokens([phrase], most, padding="max_length", max_length=most)
            mask = tokens["attention_mask"]
            texts.append((self._model.get_text_features(tokens["input_ids"], mask), mask))
        return texts

    def _scored(self, image: npt.NDArray[np.uint8], text: Any) -> tuple[torch.Tensor, torch.Tensor]:
        seen = self._model.get_vision_features(self._pixels(stretched(image, self.side)))
        corners, scores = [], []
        for n, (embedded, mask) in enumerate(text):
            found = self._model(vision_embeds=seen, text_embeds=embedded, attention_mask=mask)
            is_there = found.presence_logits[0].sigmoid()
            own = torch.zeros(found.pred_logits.shape[1], len(text), device=self.device)
            own[:, n] = found.pred_logits[0].sigmoid() * is_there
            corners.append(found.pred_boxes[0])
            scores.append(own)
        rows, cols = image.shape[:2]
        return torch.cat(corners) * _sizes(cols, rows, self.device), torch.cat(scores)


class _Kept(nn.Module):
    """A text encoder that remembers its last answer, as the text stays the same for all images."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.runs = 0
        self._last: tuple[bytes, Any] = (b"", None)

    def forward(self, input_ids: torch.Tensor, *more: Any, **settings: Any) -> Any:
        """Encode tokens; masks and positions follow from them."""
        key = input_ids.cpu().numpy().tobytes()
        known, answer = self._last
        if known != key:
            answer = self.encoder(input_ids, *more, **settings)
            self.runs += 1
            self._last = (key, answer)
        return answer


def _corners(boxes: torch.Tensor) -> torch.Tensor:
    """Boxes (cx, cy, w, h) to corners (x0, y0, x1, y1)."""
    middle, half = boxes[:, :2], boxes[:, 2:] / 2
    return torch.cat([middle - half, middle + half], dim=1)


def _sizes(cols: int, rows: int, device: str) -> torch.Tensor:
    return torch.tensor([cols, rows, cols, rows], dtype=torch.float32, device=device)


def _array(values: torch.Tensor) -> npt.NDArray[np.float64]:
    return values.float().cpu().numpy().astype(np.float64)
