from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from sam_common.errors import InputError
from sam_common.evaluation.datasets import open_dataset
from tests.common.evaluation.conftest import SIZE, objects_of, picture_of


def full(region):
    mask = np.zeros(SIZE, dtype=np.bool_)
    mask[region.window.slices] = region.mask
    return mask


def read(dataset):
    return {one.name: one.read_objects(SIZE) for one in dataset}


@pytest.mark.parametrize("layout", ["sa1b", "coco", "labelled"])
def test_every_layout_gives_the_same_objects(layout, request):
    path = request.getfixturevalue(layout)
    images = path.parent / "val" if layout == "coco" else None
    dataset = open_dataset(path, images)
    assert len(dataset) == 2
    for n, one in enumerate(dataset, start=1):
        objects, _ = one.read_objects(SIZE)
        # a polygon of COCO holds the pixels whose corners it passes, as pycocotools has it
        wanted = objects_of(n)
        assert len(objects) == 2
        np.testing.assert_array_equal(full(objects[1].region), wanted[1])
        if layout != "coco":
            np.testing.assert_array_equal(full(objects[0].region), wanted[0])
        pixels = one.pixels()
        assert pixels.shape == (*SIZE, 3)
        assert np.abs(pixels.astype(int) - picture_of(wanted)).mean() < 3  # JPEG


def test_names_of_objects_are_those_of_the_dataset(sa1b, labelled):
    assert [o.name for o in open_dataset(sa1b)[1].read_objects(SIZE)[0]] == ["20", "21"]
    assert [o.name for o in open_dataset(labelled)[0].read_objects(SIZE)[0]] == ["7", "300"]


def test_crowds_and_empty_masks_are_counted(coco):
    found = read(open_dataset(coco, coco.parent / "val"))
    assert found["1.png"][1] == {"empty": 1}
    assert found["2.png"][1] == {"crowds": 1}


def test_grey_images_and_palettes(labelled):
    path = labelled / "images" / "c1.png"
    other = labelled / "images" / "c2.png"
    for file, mode in ((path, "L"), (other, "P")):
        with Image.open(file) as image:
            changed = image.convert(mode)
        changed.save(file)
    one, two = open_dataset(labelled)
    assert one.pixels().shape == SIZE
    assert two.pixels().shape == (*SIZE, 3)


def test_what_is_missing_is_named(sa1b, coco, labelled, tmp_path):
    (sa1b / "sa_2.jpg").unlink()
    with pytest.raises(InputError, match=r"sa_2\.json has no image of its name"):
        open_dataset(sa1b)
    (coco.parent / "val" / "2.png").unlink()
    with pytest.raises(InputError, match=r"1 of 2 images .* the first is 2\.png: .*--images"):
        open_dataset(coco, coco.parent / "val")
    (labelled / "images" / "c1.png").unlink()
    with pytest.raises(InputError, match=r"c1\.tif has no image of its name"):
        open_dataset(labelled)
    with pytest.raises(InputError, match="is no folder of images"):
        open_dataset(labelled, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no annotated images"):
        open_dataset(tmp_path / "empty")
    with pytest.raises(InputError):
        open_dataset(tmp_path / "nothing")


def test_a_name_that_is_there_twice(labelled):
    shutil.copy(labelled / "images" / "c1.png", labelled / "images" / "c1.jpg")
    with pytest.raises(InputError, match=r"c1\.jpg and c1\.png have one name"):
        open_dataset(labelled)


def test_other_files_are_refused(coco, sa1b):
    coco.write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        open_dataset(coco)
    coco.write_text(json.dumps([1, 2]))
    with pytest.raises(InputError, match="is no COCO file"):
        open_dataset(coco)
    lost = {"images": [], "annotations": [{"id": 5, "image_id": 9, "segmentation": []}]}
    coco.write_text(json.dumps(lost))
    with pytest.raises(InputError, match="annotation 5 is of image 9, which is not listed"):
        open_dataset(coco)
    (sa1b / "sa_1.json").write_text("{}")
    with pytest.raises(InputError, match="has no annotations"):
        read(open_dataset(sa1b))
    (sa1b / "sa_1.json").write_text('{"annotations": [{"id": 4}]}')
    with pytest.raises(InputError, match="annotation 4 has no segmentation"):
        read(open_dataset(sa1b))


def test_other_images_are_refused(labelled):
    path, labels = labelled / "images" / "c1.png", labelled / "labels" / "c1.tif"
    Image.fromarray(np.zeros(SIZE, dtype=np.uint16)).save(path)
    with pytest.raises(InputError, match="more than 8 bits"):
        open_dataset(labelled)[0].pixels()
    path.write_bytes(b"no image")
    with pytest.raises(InputError, match="cannot be read as an image"):
        open_dataset(labelled)[0].pixels()
    for array, message in (
        (np.zeros((*SIZE, 3), dtype=np.uint8), "has 3 channels: a label image has one"),
        (np.full(SIZE, 0.5, dtype=np.float32), "holds fractions"),
        (np.zeros((5, 6), dtype=np.uint8), r"5 x 6 pixels, its image 60 x 80"),
    ):
        Image.fromarray(array).save(labels)
        with pytest.raises(InputError, match=message):
            open_dataset(labelled)[0].read_objects(SIZE)
    labels.write_bytes(b"no image")
    with pytest.raises(InputError, match="cannot be read as a label image"):
        open_dataset(labelled)[0].read_objects(SIZE)
