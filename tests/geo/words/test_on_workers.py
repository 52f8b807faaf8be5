"""Words on workers of Dask: the bytes of one process, whoever begins, dies or lacks a library."""

from __future__ import annotations

import re

import pytest
import torch
from clusters import cluster
from colour_detector import PATCHES, ColourDetector, painted
from geo_commands import files_of

from sam_common.detectors.load import load_detector
from sam_common.errors import InputError, ModelError
from sam_common.executors.dask_executor import DaskExecutor
from sam_common.segmenter.fake import FakeSegmenter
from sam_geo.prompted.segment import RunOptions
from sam_geo.raster.source import open_raster
from sam_geo.raster.stretch import Stretch
from sam_geo.words.options import WordOptions
from sam_geo.words.segment import run_words, segment_words

ALL = ("red", "green", "blue", "yellow")
MANY = WordOptions(ALL, window=32)
"""Small windows, of which there are a hundred."""


@pytest.fixture(scope="module")
def workers():
    with cluster(workers=2) as started:
        yield started


@pytest.fixture
def image(make_raster):
    return make_raster(painted(PATCHES))


@pytest.fixture(params=["grounding-dino", "owlv2"])
def saved(request, tmp_path):
    """A folder that workers load a network from, with seeded weights."""
    import detector_models as made

    model, tokenizer = {
        "grounding-dino": (made.grounding_dino, made.bert_tokenizer),
        "owlv2": (made.owlv2, made.clip_tokenizer),
    }[request.param]
    return made.save(model(), tokenizer(), tmp_path / request.param)


@pytest.fixture
def one_thread():
    """As many threads of torch as workers have: sums of floats depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(image, parts, *, detector=None, words=MANY, **options):
    """The table, what became of the windows, and all parts of boxes and masks."""
    how = RunOptions(Stretch(None), parts=parts, **options)
    with open_raster(image) as source:
        networks = (detector or ColourDetector(), FakeSegmenter(model_size=64))
        job, boxes = run_words(source, words, networks, how)
    return job.table, boxes.report, files_of(parts)


def masks_in(files):
    """How many parts of masks lie beside those of boxes."""
    return sum(name.startswith("masks-") and name.endswith(".part") for name in files)


def done_by(executor):
    """How many windows its workers answered, those of words and those of masks alike."""
    return sum(rate.items for rate in executor.figures.workers.values())


def same(found, expected):
    """Whether table and parts are those of another run, masks included."""
    assert found[0].equals(expected[0])
    assert found[2] == expected[2]
    assert masks_in(found[2]) > 0


def test_the_parts_are_those_of_one_process(image, workers, tmp_path):
    expected = run(image, tmp_path / "here")
    executor = DaskExecutor(workers.client)
    found = run(image, tmp_path / "there", executor=executor)
    same(found, expected)
    assert len(found[0]) == len(PATCHES)
    assert done_by(executor) == found[1].windows + masks_in(found[2])


@pytest.mark.usefixtures("one_thread")
def test_a_network_is_loaded_by_workers_from_its_folder(image, workers, tmp_path, saved):
    detector = load_detector(saved, device="cpu")
    words = WordOptions(("solar panel", "car"), threshold=0.0, window=150)
    expected = run(image, tmp_path / "here", detector=detector, words=words)
    executor = DaskExecutor(workers.client)
    found = run(image, tmp_path / "there", detector=detector, words=words, executor=executor)
    same(found, expected)
    assert len(found[0]) > 0


def test_the_function_takes_an_executor(image, workers):
    networks = {"segmenter": FakeSegmenter(model_size=64), "detector": ColourDetector()}
    executor = DaskExecutor(workers.client)
    table = segment_words(image, MANY, **networks, executor=executor)
    assert table.equals(segment_words(image, MANY, **networks))
    assert done_by(executor) > 0


def test_a_job_begun_here_is_finished_there(image, workers, tmp_path):
    expected = run(image, tmp_path / "here")
    with pytest.raises(KeyboardInterrupt):
        run(image, tmp_path / "there", detector=ColourDetector(fail_at=9))
    executor = DaskExecutor(workers.client)
    found = run(image, tmp_path / "there", resume=True, executor=executor)
    assert found[1].reused > 0
    assert done_by(executor) == found[1].windows - found[1].reused + masks_in(found[2])
    same(found, expected)


def test_and_one_begun_there_is_finished_here(image, workers, tmp_path):
    expected = run(image, tmp_path / "here")
    executor = DaskExecutor(workers.client)
    broken = ColourDetector(fails_on="yellow")
    _, report, _ = run(image, tmp_path / "there", detector=broken, executor=executor)
    assert set(report.failures.values()) == {"cannot look at yellow"}
    assert executor.figures.events["retried"] == len(report.failures) > 0
    table, again, files = run(image, tmp_path / "there", resume=True)
    assert again.reused == again.windows - len(report.failures)
    assert table.equals(expected[0])
    # the masks of the boxes without yellow lie there too
    assert files.items() >= expected[2].items()


def test_a_worker_that_is_killed_changes_no_byte(image, workers, tmp_path):
    expected = run(image, tmp_path / "here")
    fatal = ColourDetector(killed=tmp_path / "killed")
    executor = DaskExecutor(workers.client)
    found = run(image, tmp_path / "there", detector=fatal, executor=executor)
    assert (tmp_path / "killed").exists()
    assert found[1].failures == {}
    same(found, expected)


def test_a_network_in_memory_is_refused_before_any_work(image, workers):
    from detector_models import built

    with pytest.raises(ModelError) as told:
        segment_words(
            image,
            "car",
            segmenter=FakeSegmenter(),
            detector=built("owlv2"),
            executor=DaskExecutor(workers.client),
        )
    assert str(told.value).startswith('detector "seeded" was made in this process, and others')


@pytest.mark.parametrize("saved", ["owlv2"], indirect=True)
def test_a_worker_without_the_library_or_the_folder_is_named(image, tmp_path, saved):
    detector = load_detector(saved, device="cpu")
    hides = tmp_path / "hides.py"
    hides.write_text('import sys\n\nsys.modules["transformers"] = None\n')
    networks = {"segmenter": FakeSegmenter(), "detector": detector}
    with cluster(workers=0) as own:
        own.add_worker(options=["--preload", str(hides)])
        own.client.wait_for_workers(1, timeout=60)
        executor = DaskExecutor(own.client)
        needs = f'"{saved}" needs the library transformers: pip install "sam-geomed[hf]"'
        with pytest.raises(ModelError, match=rf"^1 of 1 workers .*{re.escape(needs)}"):
            segment_words(image, "car", **networks, executor=executor)
        saved.rename(tmp_path / "moved")
        gone = f"no such folder of a detector here: {saved}"
        with pytest.raises(InputError, match=rf"^1 of 1 workers .*{re.escape(gone)}"):
            segment_words(image, "car", **networks, executor=executor)
