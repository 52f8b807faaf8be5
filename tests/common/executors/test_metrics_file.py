from __future__ import annotations

import importlib.util

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sam_common.errors import ModelError, OutputError
from sam_common.executors import metrics_file
from sam_common.executors.figures import EVENTS, Figures
from sam_common.executors.metrics_file import writing_metrics


def values(path):
    """What a file says, by name and labels, as Prometheus reads it."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }


def test_counters_follow_the_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics_file, "EVERY_S", 0.0)
    path, figures = tmp_path / "job.prom", Figures(threads=2)
    with writing_metrics(path, figures):
        assert values(path)["sam_answers_total", "done"] == 0
        figures.answered("tcp://a", (b"1234", {}), None, 0.02)
        figures.answered("tcp://b", None, OSError("x"), 2.0)
        # while the job runs
        assert values(path)["sam_answers_total", "failed"] == 1
        figures.events["speculated"] += 3
    told = values(path)
    assert told["sam_answers_total", "done"] == 1
    assert told["sam_item_seconds_count",] == 2
    assert told["sam_item_seconds_sum",] == pytest.approx(2.02)
    assert (told["sam_item_seconds_bucket", "0.03"], told["sam_item_seconds_bucket", "3.0"]) == (
        1,
        2,
    )
    assert told["sam_events_total", "speculated"] == 3
    assert {name[1] for name in told if name[0] == "sam_events_total"} == EVENTS.keys()
    assert (told["sam_workers",], told["sam_threads",]) == (2, 2)
    assert told["sam_received_bytes_total",] == 4
    assert told["sam_last_answer_timestamp_seconds",] > 1.7e9
    assert [each.name for each in tmp_path.iterdir()] == ["job.prom"]
    assert figures.listener is None


def test_what_is_no_file_of_metrics_is_not_replaced(tmp_path):
    other, earlier = tmp_path / "other.prom", tmp_path / "earlier.prom"
    other.write_text("a letter")
    with (
        pytest.raises(OutputError, match=r"output exists: .*other\.prom is no file of metrics"),
        writing_metrics(other, Figures()),
    ):
        pass
    for _ in range(2):
        with writing_metrics(earlier, Figures()):
            pass
    for path, message in (
        (tmp_path / "job.txt", r"job\.txt has to end in \.prom"),
        (tmp_path / "none" / "job.prom", "no such folder for the output"),
    ):
        with pytest.raises(OutputError, match=message), writing_metrics(path, Figures()):
            pass


def test_a_job_goes_on_without_its_metrics(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics_file, "EVERY_S", 0.0)
    folder, told = tmp_path / "folder", []
    folder.mkdir()
    figures = Figures()
    with writing_metrics(folder / "job.prom", figures, told.append):
        (folder / "job.prom").unlink()
        folder.rmdir()
        figures.answered("tcp://a", b"", None, 1.0)
        figures.answered("tcp://a", b"", None, 1.0)
    assert len(told) == 1
    assert "job.prom is not up to date: " in told[0]


def test_the_library_is_an_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with (
        pytest.raises(ModelError, match=r'pip install "sam-geomed\[dask\]"'),
        writing_metrics(tmp_path / "job.prom", Figures()),
    ):
        pass
