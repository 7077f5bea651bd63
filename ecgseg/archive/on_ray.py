"""The same run on a Ray cluster: each lane is a place in the cluster with a pipeline of processes of its own.

Files go out in small batches as JSON, lines of the index come back as JSON; pictures and results are read and written
where the lane is. What ends a lane costs the batch it held: Ray gives it out again, and what is complete is taken over.
"""

import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ecgseg.archive.options import ArchiveOptions
from ecgseg.archive.pipeline import Task
from ecgseg.archive.sources import ArchiveError
from ecgseg.archive.stages import ALL, OWN, Settings


class Lane:
    """A pipeline in a Ray actor, which lives as long as there are batches."""

    def __init__(self, settings: Settings, archive: ArchiveOptions):
        from ecgseg.archive.run import open_pipeline

        # What is complete of a batch that Ray gives out a second time need not be read twice.
        settings = settings if settings.takes == ALL else replace(settings, takes=OWN)
        self.pipeline = open_pipeline(settings, archive, cores=max(1, math.floor(archive.ray_cpus)))

    def __call__(self, batch: dict) -> dict:
        tasks = (Task(**json.loads(line)) for line in batch["task"])
        return {"row": [json.dumps(row) for row in self.pipeline.run(tasks)]}


def rows(tasks: Iterable[Task], settings: Settings, archive: ArchiveOptions) -> Iterator[dict]:
    """Yield the lines of the index as the cluster gives them; raises ArchiveError where there is no Ray or no cluster.

    Inputs and `settings.out` must be paths that every machine of the cluster has, or URLs.
    """
    # Started by `uv run`, Ray would build this environment anew, of gigabytes, for each of its workers.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
        from ray.data import from_items
    except ImportError as error:
        raise ArchiveError(f"archive.engine=ray needs Ray ({error}); install it: pip install 'ray[data]'") from error
    items = [{"task": json.dumps(task._asdict())} for task in tasks]
    if not items:
        return
    if not ray.is_initialized():
        try:
            ray.init(address=archive.ray_address, log_to_driver=False)
        except (ConnectionError, ValueError, OSError) as error:
            where = archive.ray_address or "this machine"
            raise ArchiveError(f"no Ray cluster at {where} ({error}); check archive.ray_address") from error
    blocks = math.ceil(len(items) / archive.ray_files)
    lanes = min(archive.ray_lanes, blocks)
    done = from_items(items, override_num_blocks=blocks).map_batches(
        Lane,
        fn_constructor_args=(settings, archive),
        batch_size=archive.ray_files,
        concurrency=lanes,
        num_cpus=archive.ray_cpus,
        num_gpus=archive.ray_gpus or None,
    )
    try:
        for line in done.iter_rows():
            yield json.loads(line["row"])
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ArchiveError(
            f"the cluster gave up ({reason}); what is written is complete, go on with --resume"
        ) from error
