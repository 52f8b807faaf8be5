"""Small datasets in the published layouts: two images of bright blocks and discs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_api

from tests.oracles.lessons import disc

SIZE = (60, 80)


def objects_of(n):
    """Masks of the objects of image `n`."""
    block = np.zeros(SIZE, dtype=np.bool_)
    block[10 + n : 30, 20:50] = True
    return [block, disc(SIZE, (45, 15 + n), 5)]


def picture_of(masks):
    image = np.full((*SIZE, 3), 30, dtype=np.uint8)
    for mask in masks:
        image[mask] = (200, 180, 90)
    return image


def annotation(mask, number):
    runs = coco_api.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"id": number, "segmentation": {"size": list(SIZE), "counts": runs["counts"].decode()}}


@pytest.fixture
def sa1b(tmp_path):
    """As published: sa_N.jpg beside sa_N.json."""
    folder = tmp_path / "sa1b"
    folder.mkdir()
    for n in (1, 2):
        masks = objects_of(n)
        Image.fromarray(picture_of(masks)).save(folder / f"sa_{n}.jpg", quality=95)
        content = {
            "image": {"image_id": n, "file_name": f"sa_{n}.jpg", "height": 60, "width": 80},
            "annotations": [annotation(mask, 10 * n + k) for k, mask in enumerate(masks)],
        }
        (folder / f"sa_{n}.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def coco(tmp_path):
    """A file of instances, with a polygon, run lengths, a crowd and an empty mask."""
    folder = tmp_path / "coco"
    (folder / "val").mkdir(parents=True)
    images, annotations = [], []
    for n in (1, 2):
        masks = objects_of(n)
        Image.fromarray(picture_of(masks)).save(folder / "val" / f"{n}.png")
        images.append({"id": n, "file_name": f"{n}.png", "height": 60, "width": 80})
        polygon = [20, 10 + n, 50, 10 + n, 50, 30, 20, 30]
        annotations.append({"id": 10 * n, "image_id": n, "segmentation": [polygon], "iscrowd": 0})
        annotations.append({**annotation(masks[1], 10 * n + 1), "image_id": n})
    empty = np.zeros(SIZE, dtype=np.bool_)
    annotations.append({**annotation(empty, 98), "image_id": 1})
    annotations.append({**annotation(objects_of(1)[0], 99), "image_id": 2, "iscrowd": 1})
    path = folder / "instances.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path


@pytest.fixture
def labelled(tmp_path):
    """`images` and `labels`, one number for each object."""
    folder = tmp_path / "cells"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for n in (1, 2):
        masks = objects_of(n)
        Image.fromarray(picture_of(masks)).save(folder / "images" / f"c{n}.png")
        numbers = np.zeros(SIZE, dtype=np.uint16)
        numbers[masks[0]], numbers[masks[1]] = 7, 300
        Image.fromarray(numbers).save(folder / "labels" / f"c{n}.tif")
    return folder
