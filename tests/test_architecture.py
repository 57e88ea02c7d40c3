"""The layer rule of docs/architecture.md, read from the source text: nothing is imported here.

Every import counts, also those inside functions and those for type checking only.
"""

import ast
import json
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "placement_sim"
SOURCES = sorted(PACKAGE.rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))

BASE = {"units", "errors", "randomness"}
LAYERS = [
    BASE,
    {"model"},
    {"policies", "workloads", "upgrades"},
    {"engine"},
    {"experiments"},
    {"reporting"},
    {"widgets", "cli"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
TOP = len(LAYERS)  # placement_sim/__init__ and __main__ may import everything
ONLY_UNDER = {
    "simpy": {"engine"},
    "numba": {"engine"},
    "matplotlib": {"reporting"},
    "ipywidgets": {"widgets"},
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


MODULES = {module_name(path): path for path in SOURCES}


def imports(name: str) -> set[str]:
    """Give the full names that a module imports; for a submodule, the submodule."""
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                start = ".".join([*above, start]).rstrip(".")
            for alias in node.names:
                inner = f"{start}.{alias.name}"
                found.add(inner if inner in MODULES else start)
    return found


def layer(name: str) -> str:
    """Give the part of a full name that names its layer: '' for the package itself."""
    return [*name.split("."), ""][1]


def may_import(importer: str, imported: str) -> bool:
    if importer == "policies":  # a policy sees nothing but what it is given
        return imported in {"policies", "randomness", "errors"}
    if importer == imported or (importer in BASE and imported in BASE):
        return True
    return LEVEL.get(imported, TOP) < LEVEL.get(importer, TOP)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down(name):
    inside = {other for other in imports(name) if other.split(".")[0] == "placement_sim"}
    wrong = sorted(other for other in inside if not may_import(layer(name), layer(other)))
    assert not wrong, f"{name} may not import {wrong}"


@pytest.mark.parametrize("name", MODULES)
def test_only_the_engine_knows_simpy_and_numba(name):
    libraries = {other.split(".")[0] for other in imports(name)}
    wrong = sorted(lib for lib in libraries & ONLY_UNDER.keys() if layer(name) not in ONLY_UNDER[lib])
    assert not wrong, f"{name} may not import {wrong}"


def test_every_module_belongs_to_a_layer():
    known = {*LEVEL, "", "__main__"}
    assert sorted(name for name in MODULES if layer(name) not in known) == []


def test_no_import_cycles():
    graph = {name: imports(name) & MODULES.keys() - {name} for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("engine", "model", True),
        ("model", "engine", False),
        ("policies", "randomness", True),
        ("policies", "model", False),
        ("workloads", "upgrades", False),
        ("cli", "widgets", False),
        ("cli", "", False),
        ("", "cli", True),
    ],
)
def test_the_rule_itself(importer, imported, allowed):
    assert may_import(importer, imported) is allowed


@pytest.mark.parametrize("path", [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))], ids=short)
def test_files_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 400
    functions = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno - f.lineno + 1 >= 70}
    assert long == {}


def test_no_machine_paths():
    """No home folder, no /opt, and not the folder in which this clone happens to lie."""
    here = re.escape(f"{ROOT}/") if len(ROOT.parts) > 2 else r"\Z\A"
    machine = re.compile(rf"(?<![\w.:/])(?:/(?:home|Users|root|opt)/\w|{here})")
    folders = ("placement_sim", "notebooks", "docs", "benchmarks", ".ci")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix != ".pyc"]
    paths += [ROOT / name for name in ("README.md", "CHANGELOG.md", "Makefile", "pyproject.toml", "environment.yml")]
    texts = {path: path.read_bytes().decode("utf-8", "replace") for path in paths if path.is_file()}
    assert [str(path) for path, text in texts.items() if machine.search(text)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_notebooks_are_committed_without_outputs(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    assert len(code) <= 15


def test_the_top_has_few_names():
    names = []
    for node in ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = ast.literal_eval(node.value)
    assert len(names) <= 25
    assert len(set(names)) == len(names)
