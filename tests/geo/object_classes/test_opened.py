"""Locks, outputs and parts of a job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sam_common.errors import InputError, OutputError
from sam_geo.object_classes.opened import begin_parts, opened_objects_job


def test_no_other_job_and_no_input(similar, scene):
    request = similar()
    with opened_objects_job(request), pytest.raises(OutputError), opened_objects_job(request):
        pass
    own = replace(request, keep_candidates=scene.objects.with_suffix(".parquet"), overwrite=True)
    own = replace(own, candidates=own.kept)
    scene.table.to_parquet(own.kept)
    with pytest.raises(OutputError, match="output is an input"), opened_objects_job(own):
        pass


def test_an_unfinished_job_is_gone_on_with(similar):
    request = similar()
    with opened_objects_job(request) as opened:
        begin_parts(request, opened.stack, {"a": 1})
    with pytest.raises(OutputError, match="go on with it by --resume"), opened_objects_job(request):
        pass
    again = replace(request, resume=True)
    with opened_objects_job(again) as opened:
        begin_parts(again, opened.stack, {"a": 1})
        with pytest.raises(InputError, match="a was 1, is 2"):
            begin_parts(again, opened.stack, {"a": 2})
