"""`placement-sim lab`: the notebooks, or one of them, in JupyterLab; or a notebook as an app in Voila."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from placement_sim.errors import InputError


def notebook_place(path: str | None) -> Path:
    """Give what is opened: `path`, else the folder of notebooks of a clone, else the present folder.

    Raises
    ------
    InputError
        There is no such file or folder.

    Examples
    --------
    >>> notebook_place(".").as_posix()
    '.'
    """
    if path is not None:
        if not Path(path).exists():
            raise InputError(path, "there is no such file or folder", "name a notebook or a folder of notebooks")
        return Path(path)
    clone = Path(__file__).resolve().parents[2] / "notebooks"
    return next((folder for folder in (Path("notebooks"), clone) if folder.is_dir()), Path("."))


def lab(
    path: Annotated[str | None, typer.Argument(help="Notebook or folder; by default the notebooks.")] = None,
    voila: Annotated[bool, typer.Option("--voila", help="Show a notebook as an app, without its code.")] = False,
    port: Annotated[int | None, typer.Option("--port", help="By default the program's own.")] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Open the notebooks in JupyterLab, or one of them as an app in Voila; Ctrl-C ends it."""
    place = notebook_place(path)
    module = "voila" if voila else "jupyterlab"
    if importlib.util.find_spec(module) is None:
        raise InputError("lab", f"{module} is not installed", "pip install 'placement_sim[notebook]'")
    options = [] if port is None else [f"--port={port}"]
    options += [] if browser else ["--no-browser"]
    try:
        status = subprocess.call([sys.executable, "-m", module, str(place), *options])
    except KeyboardInterrupt:  # the server was told, too
        return
    raise typer.Exit(1 if status else 0)
