"""Puts the folder data/ into a wheel as placement_sim/data; everything else is in pyproject.toml.

In a clone, and in an editable install of one, data/ stays beside the package, where users find it.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithData(build_py):
    """Copy data/ beside the modules that are being built."""

    def run(self) -> None:
        """Build the modules, then copy."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "placement_sim" / "data"
            shutil.copytree("data", target, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithData})
