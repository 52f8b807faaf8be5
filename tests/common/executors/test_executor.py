"""What an executor has to be, for jobs: any object with `run` will do."""

from __future__ import annotations

from sam_common.errors import InputError
from sam_common.executors.executor import Outcome
from sam_common.tiled_job.parts import Part, PartStore
from sam_common.tiled_job.plan import Plan, tile_grid
from sam_common.tiled_job.run import run_job
from sam_common.tiled_job.work import Work


class Backwards:
    """Works on the items in the reverse of their order, in this process."""

    def run(self, task, items, *, kind, retried, speculative):
        assert speculative  # a worker gives a part and writes nothing
        assert kind == "window"
        assert InputError in retried or issubclass(InputError, retried)
        for item in reversed(list(items)):
            try:
                yield Outcome(item.number, task(item.question))
            except InputError as error:  # noqa: PERF203  # an outcome for each
                yield Outcome(item.number, error=error)


def test_a_job_takes_outcomes_in_any_order(tmp_path):
    plan = Plan((8, 8), tuple(tile_grid((8, 8), side=4, overlap=0)), {})

    def segment(n, _item):
        if n == 2:
            raise InputError("cannot read window 2")
        return Part(notes={"n": n})

    store = PartStore(tmp_path, plan, resume=False)
    report = run_job(Work(lambda n: n, segment), store, executor=Backwards())
    assert report.failures == {2: "cannot read window 2"}
    assert [store.read(n).notes for n in (0, 1, 3)] == [{"n": 0}, {"n": 1}, {"n": 3}]
