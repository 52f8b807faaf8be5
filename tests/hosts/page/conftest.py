"""The page in a real browser: a server of `view`, and tabs whose console must stay silent."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import sync_playwright

SUITE = os.environ.get("SAM_SUITE_PYTHON", sys.executable)
"""Python of the suite's own environment."""
DATA = Path(os.environ["SAM_TEST_DATA"])
TREES = DATA / "geo" / "neon_osbs_trees" / "OSBS_029.tif"
AXE = Path(sys.executable).absolute().parents[1] / "package" / "axe.min.js"
FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 120_000
"""How long a step may take before a test fails; a busy machine is slow."""
EXPECTED_ERRORS = ("net::ERR_CONNECTION_REFUSED",)
"""What the browser itself writes to the console where a test ends the server."""


BOXES_ALONE = """
from sam_common.segmenter.capabilities import Capabilities
from sam_common.segmenter.fake import FakeSegmenter
from sam_common.server.sessions import models
takes = Capabilities(points=False, boxes=True, masks=False, multimask=False)
models._load = lambda _name: FakeSegmenter(capabilities=takes)
from sam_med.cli.main import main
main()
"""
"""The program `sam-med` with a network that answers each box with its own pixels, at once."""


class Viewer:
    """One `view` of a file, as a user starts it, and plain requests to its server."""

    def __init__(self, program, file, *options):
        # a text of Python stands for a program with another network
        way = ["-c", program] if "\n" in program else ["-m", f"{program}.cli"]
        command = [SUITE, *way, "view", str(file), "--no-open", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.address = self.process.stdout.readline().decode().strip()
        if not self.address:
            raise RuntimeError(self.process.stderr.read().decode())
        found = urlsplit(self.address)
        self.origin = f"{found.scheme}://{found.netloc}"
        self.secrets = {k: v[0] for k, v in parse_qs(found.fragment).items()}
        self.session = f"/v1/sessions/{self.secrets['session']}"

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {
            "Authorization": f"Bearer {self.secrets['token']}",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(self.origin + path, data, headers)  # noqa: S310 (our own)
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return json.load(answer)

    def fresh(self):
        """Remove all objects, for the next test."""
        for each in self.ask(f"{self.session}/objects"):
            self.ask(f"{self.session}/edits", {"op": "remove_object", "object": each["object"]})

    def close(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def trees():
    viewer = Viewer("sam_geo", TREES)
    yield viewer
    viewer.close()


@pytest.fixture
def open_tab(browser):
    """Open an address in a tab of its own browser profile; an error of its console is a failure."""
    contexts, errors = [], []

    def open_it(address, *, scheme="light", context=None):
        if context is None:
            context = browser.new_context(
                color_scheme=scheme, viewport={"width": 1280, "height": 800}
            )
            contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(WAIT_MS)
        tab.on("console", lambda said: said.type == "error" and errors.append(said.text))
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(address)
        tab.wait_for_selector("body[data-ready]", state="attached")
        return tab

    yield open_it
    for each in contexts:
        each.close()
    assert [e for e in errors if not any(known in e for known in EXPECTED_ERRORS)] == []


@pytest.fixture
def picture():
    """Save a picture of a tab where `SAM_SCREENSHOTS` names a folder."""

    def save(tab, name):
        if folder := os.environ.get("SAM_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            tab.screenshot(path=Path(folder) / f"{name}.png")

    return save
