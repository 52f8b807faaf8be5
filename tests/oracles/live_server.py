"""What tests of the local server share: sources to open, plain requests, jobs that wait."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading

import numpy as np
import rasterio

TOKEN = "t" * 43
"""Bearer token of the fixture `served`."""
WAIT = 300
"""Seconds until a test says that what it waits for does not come; a busy machine is slow."""
AFFINE = (2.0, 0.0, 500000.0, 0.0, -2.0, 4600000.0)
IJK_TO_LPS = np.diag([1.0, 1.0, 2.0, 1.0])


def raster(client, size_hw=(300, 400), **options):
    """A session on a grey raster, sent as an array."""
    pixels = np.full((*size_hw, 3), 100, dtype=np.uint8)
    return client.open_raster_array(pixels, affine=AFFINE, crs="EPSG:32633", **options)


def volume(client, **options):
    """A session on an MR volume of noise, 12 x 40 x 50 voxels, sent as an array."""
    voxels = np.random.default_rng(0).integers(0, 200, (12, 40, 50)).astype(np.int16)
    return client.open_volume_array(voxels, ijk_to_lps=IJK_TO_LPS, modality="MR", **options)


def write_raster(path, value=100, size_hw=(40, 60), count=3, **profile):
    """A raster file of one shade."""
    height, width = size_hw
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=count, height=height, width=width,
        crs="EPSG:32633", transform=rasterio.Affine(*AFFINE), **profile,
    ) as out:  # fmt: skip
        out.write(np.full((count, *size_hw), value, dtype=np.uint8))
    return path


def ask(client, method="GET", path="/v1/health", body=None, **headers):
    """Status, body and headers of one plain request, with a good token unless another is given."""
    connection = http.client.HTTPConnection("127.0.0.1", client.connection.port, timeout=WAIT)
    given = {
        "Authorization": f"Bearer {TOKEN}",
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    connection.request(method, path, body, {k: v for k, v in given.items() if v is not None})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, {k.lower(): v for k, v in answer.getheaders()}


class Gate:
    """Work that tells when it begins, and goes on when it may."""

    def __init__(self):
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self, job):
        self.begun.set()
        assert self.open.wait(WAIT)
        job.step(1)
        return {}


def ended(job):
    """Wait for a job to end; what a listener would hear."""

    async def listen():
        return [json.loads(event.partition("data: ")[2]) async for event in job.follow()]

    return asyncio.run(asyncio.wait_for(listen(), WAIT))


def cancelled(start):
    """A `Jobs.start` whose jobs are cancelled when they begin to work."""

    def started(kind, work, **options):
        def stopped(job):
            job._cancelled.set()
            return work(job)

        return start(kind, stopped, **options)

    return started
