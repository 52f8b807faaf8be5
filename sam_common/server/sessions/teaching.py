"""Teaching: what the job `finetune` has in common for rasters and volumes.

```
request  -> training_job -> an adapter's finetuning -> record -> offered -> summary
            in the job's folder                                  a name in the catalogue
```
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_common.server.sessions.models import check_name
from sam_common.training.job import SUFFIX, TrainingJob
from sam_common.training.options import TrainingOptions
from sam_common.tuned import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sam_common.server.sessions.live_source import Reporter
    from sam_common.server.sessions.models import Models
    from sam_common.tiled_job.progress import Progress

TOLD = ("verdict", "figures", "data", "notes", "seconds")
"""What a client hears of a model card."""


def base_of(name: str) -> str:
    """The network that is taught in place of a model: a tuned one gives way to its base.

    Raises:
        UnknownModelError: There is no model of this name; paths of files are not taken.
    """
    check_name(name)
    tuned = catalogue.find(name)
    return name if tuned is None else tuned.base


def training_job(request: Mapping[str, Any], folder: Path) -> TrainingJob:
    """The training that a request asks for, whose files are those of the job.

    Args:
        request: As `sam_common.server.sessions.job_requests.FinetuneJob`, with its `model`.
        folder: Folder of the job.

    Raises:
        InputError: An option makes no sense.
    """
    return TrainingJob(
        output=folder / f"{request['name']}{SUFFIX}",
        model=request["model"],
        options=TrainingOptions(**request.get("options", {})),
        keep_anyway=bool(request.get("keep_anyway")),
    )


def progress_of(reporter: Reporter) -> Progress:
    """The progress of a training, told to the reporter of a job, which may raise to cancel it."""

    @contextmanager
    def told(what: str, total: int) -> Iterator[Callable[[int], None]]:
        reporter.begin(what, total)
        yield reporter.step

    return told


def offered(
    record: Mapping[str, Any], models: Models, *, name: str, overwrite: bool
) -> dict[str, Any]:
    """Give a tuned model its name, and say what a client is told of it.

    Args:
        record: As `sam_common.training.job.run_job` returned it, with `notes`.
        models: Of the server; one that was replaced is loaded anew.
        name: The name.
        overwrite: Whether a tuned model that has the name is replaced.

    Returns:
        `base`, `best_epoch`, `epochs`, what `TOLD` names, and `model` and `path`: name and file of
        the new model, both None where it was refused.

    Raises:
        OutputError: Another model got the name meanwhile.
    """
    told = {
        "model": None,
        "path": None,
        "base": record["base"]["name"],
        "epochs": record["history"][-1]["number"],
        "best_epoch": record["settings"]["best epoch"],
        **{key: record[key] for key in TOLD},
    }
    if record["output"] is not None:
        path = catalogue.add(Path(record["output"]), name, overwrite=overwrite)
        models.forget(name)
        told |= {"model": name, "path": str(path)}
    return told
