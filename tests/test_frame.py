"""The files around the package: dependency lists agree, commands are one line, settings hold."""

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


PIP_ONLY = {"atheris>=2.3", "ciw>=3.2", "salabim>=26.0"}  # not on conda-forge, as far as is known


def test_environment_lists_the_same_dependencies():
    project = PROJECT["project"]
    extras = [name for names in project["optional-dependencies"].values() for name in names]
    expected = {name.lower() for name in [*project["dependencies"], *extras]}
    expected = (expected - PIP_ONLY) | {f"python{project['requires-python']}", "pip"}
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    listed = environment["dependencies"]
    packages = [entry for entry in listed if isinstance(entry, str)]
    assert set(packages) == expected
    assert len(packages) == len(expected)
    assert [entry for entry in listed if not isinstance(entry, str)] == [{"pip": [*sorted(PIP_ONLY), "-e ."]}]
    assert environment["channels"] == ["conda-forge"]


@pytest.mark.parametrize("target", ["demo", "test", "lab", "check"])
def test_a_make_target_is_one_line(target):
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    start = lines.index(f"{target}:") + 1
    recipe = []
    for line in lines[start:]:
        if not line.startswith("\t"):
            break
        recipe.append(line)
    assert len(recipe) == 1
    assert not recipe[0].startswith("\t@")
    assert "$" not in recipe[0]


def test_ci_is_a_runnable_script():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)


def test_the_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_warnings_are_errors(request):
    assert "error" in request.config.getini("filterwarnings")


def test_the_changelog_names_what_comes_next():
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
