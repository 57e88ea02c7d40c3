"""JupyterLab and Voila as servers of their own for browser tests: own folders, own port, stopped and awaited."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from browser import missing

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
}
NO_NEWS = '{"fetchNews": "false", "checkForUpdates": false}'
TOKEN = "test"


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _server(folder: Path, arguments: list[str], address: str) -> Iterator[str]:
    module = arguments[0]
    if importlib.util.find_spec(module) is None:
        missing(f"{module} is not installed")
    homes = {name: str(folder / place) for name, place in FOLDERS.items()}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    news = folder / "settings" / "@jupyterlab" / "apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text(NO_NEWS)
    with (folder / "server.log").open("w") as log:
        environment = {**os.environ, **homes, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-m", *arguments]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _await(process, address, folder / "server.log")
            yield address
        finally:
            process.terminate()
            process.wait(30)


def _await(process: Any, address: str, log: Path) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(address, timeout=60):
                return
        except urllib.error.HTTPError:
            return  # it listens; Voila does not serve this path
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert process.poll() is None, log.read_text()
            time.sleep(0.5)
    raise AssertionError(log.read_text())


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """Serve a folder with JupyterLab; gives the address, to which ``/lab/tree/NAME.ipynb`` is added."""
    port = _free_port()
    options = [f"--port={port}", "--ip=127.0.0.1", "--no-browser", "--allow-root", f"--IdentityProvider.token={TOKEN}"]
    with _server(folder, ["jupyterlab", *options], f"http://127.0.0.1:{port}/api?token={TOKEN}"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def voila(notebook: Path) -> Iterator[str]:
    """Serve one notebook with Voila, the first page included; gives its address."""
    port = _free_port()
    options = ["--no-browser", "--Voila.ip=127.0.0.1", f"--port={port}", notebook.name]
    with _server(notebook.parent, ["voila", *options], f"http://127.0.0.1:{port}/static/"):
        yield f"http://127.0.0.1:{port}/"


def run_all(tab: Any, address: str, name: str) -> None:
    """Open a notebook in JupyterLab and run all cells, as a user does."""
    tab.goto(f"{address}/lab/tree/{name}?reset&token={TOKEN}")
    # Not the notebook's own sign, which is "idle" before there is a kernel: what is run then is dropped without a word.
    tab.wait_for_selector("#jp-main-statusbar >> text=/\\| Idle$/", timeout=120_000)
    tab.locator(".jp-Notebook .jp-Cell").first.click()
    tab.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
    tab.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()


@contextmanager
def in_jupyterlab(tab: Any, folder: Path, *cells: str) -> Iterator[None]:
    """Run cells in JupyterLab, as a user does."""
    notebook = write_notebook(folder / "explore.ipynb", *cells)
    with jupyterlab(folder) as address:
        run_all(tab, address, notebook.name)
        yield


@contextmanager
def in_voila(tab: Any, folder: Path, *cells: str) -> Iterator[None]:
    """Open cells as a page of Voila."""
    with voila(write_notebook(folder / "explore.ipynb", *cells)) as address:
        tab.goto(address, timeout=120_000)
        yield


PLACES = {"jupyterlab": in_jupyterlab, "voila": in_voila}
