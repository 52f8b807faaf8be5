"""JupyterLab on loopback, with a kernel in the Python of the suite, driven in a real browser."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

START_S = 120
"""Seconds until a start has failed; a busy machine is slow."""
POLL_S = 0.2
SETTINGS = {
    # what asks the internet, or covers the page
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {
        "fetchNews": "false",
        "checkForUpdates": False,
    }
}


class Lab:
    """One JupyterLab with its own folders, in which notebooks are made and run.

    Args:
        folder: An empty folder for notebooks, settings and the description of the kernel.
        python: Python of the kernel.
        subshells: Whether widgets are answered while a cell runs, as only newer kernels do.
    """

    def __init__(self, folder, python, *, subshells=True):
        self.folder = folder
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir()
        kernel = folder / "data/kernels/suite"
        kernel.mkdir(parents=True)
        argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        about = {"argv": argv, "display_name": "suite", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(about))
        chosen = {"commsOverSubshells": "perCommTarget" if subshells else "disabled"}
        comms = {"@jupyterlab/apputils-extension/kernels-settings.jupyterlab-settings": chosen}
        for name, values in {**SETTINGS, **comms}.items():
            path = folder / "settings" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.open_browser": False,
            "ServerApp.allow_root": True,
            "ServerApp.root_dir": self.notebooks,
            "IdentityProvider.token": "lab",
            "LabApp.expose_app_in_browser": True,
        }
        own = {
            "JUPYTER_CONFIG_DIR": folder / "config",
            "JUPYTER_DATA_DIR": folder / "data",
            "JUPYTER_RUNTIME_DIR": folder / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": folder / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces",
            "IPYTHONDIR": folder / "ipython",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())],
            env=os.environ | {name: str(value) for name, value in own.items()},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log = []
        # read to its end: a full pipe would hold the server up
        self.reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr))
        self.reader.start()
        until = time.monotonic() + START_S
        # it says where it is before it listens
        while not self.answers():
            if time.monotonic() > until or self.ends_within(POLL_S):
                self.process.kill()
                raise RuntimeError("".join(self.log))

    def answers(self):
        try:
            self.ask("/api")
        except urllib.error.URLError:
            return False
        return True

    def ends_within(self, seconds):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def ask(self, path, method="GET", body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": "token lab", "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, headers, method=method
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def open(self, tab, name, cells):
        """Write a notebook of cells of code, and open it in a tab."""
        made = [
            {"cell_type": "code", "id": f"c{n}", "source": source, "metadata": {},
             "outputs": [], "execution_count": None}
            for n, source in enumerate(cells)
        ]  # fmt: skip
        kernel = {"kernelspec": {"name": "suite", "display_name": "suite"}}
        text = {"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        (self.notebooks / name).write_text(json.dumps(text))
        tab.goto(f"http://127.0.0.1:{self.port}/doc/tree/{name}?token=lab&reset")
        tab.wait_for_selector(".jp-Notebook .jp-CodeCell")
        # a cell that is run before its kernel is there is not run at all
        tab.evaluate("""async () => {
            const {sessionContext} = window.jupyterapp.shell.currentWidget.context;
            await sessionContext.ready;
            await sessionContext.session.kernel.info;
        }""")

    def close(self):
        for kernel in self.ask("/api/kernels"):
            self.ask(f"/api/kernels/{kernel['id']}", "DELETE")
        self.process.terminate()
        self.process.wait(60)
        self.reader.join()
        self.process.stderr.close()


def run_next(tab):
    """Run the chosen cell to its end, and choose the next one."""
    return tab.evaluate(
        "() => window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')"
    )


def begin_next(tab):
    """Run the chosen cell without waiting for its end, and choose the next one."""
    tab.evaluate(
        "() => { window.jupyterapp.commands.execute('notebook:run-cell-and-select-next'); }"
    )


def text_of(tab, cell):
    """What a cell has printed; fails with the error of the cell where it had one."""
    output = tab.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-output")
    said = "\n".join(output.all_inner_texts())
    assert "Traceback" not in said, said
    return said


def frame_of(tab, number=0):
    """The page in the output of a cell, once it shows its image."""
    holder = tab.locator("iframe.sam-geomed").nth(number)
    holder.scroll_into_view_if_needed()
    frame = holder.element_handle().content_frame()
    frame.wait_for_selector("body[data-ready]", state="attached")
    return frame
