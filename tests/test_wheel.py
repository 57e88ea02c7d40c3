"""A wheel, unpacked where no clone is, has the device models, scenarios, traces and the page of the reports."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = """
from pathlib import Path
import placement_sim
from placement_sim.experiments.parts import data_folder
from placement_sim.experiments.scenario import Scenario
assert Path(placement_sim.__file__).parent == Path("site/placement_sim").resolve(), placement_sim.__file__
assert data_folder() == Path("site/placement_sim/data").resolve()
for file in sorted((data_folder() / "scenarios").glob("*.toml")):
    print(Scenario.from_toml(file).name)
"""


@pytest.mark.slow
def test_data_is_in_the_wheel(tmp_path: Path) -> None:
    source = tmp_path / "source"
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in names:
        if name.startswith(("placement_sim/", "data/")) or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(source)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("placement_sim-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        assert "placement_sim/reporting/page.html.j2" in archive.namelist()
    packed = {
        path.relative_to(tmp_path / "site" / "placement_sim" / "data")
        for path in (tmp_path / "site" / "placement_sim" / "data").rglob("*")
    }
    assert {Path(name).relative_to("data") for name in names if name.startswith("data/")} <= packed
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    scenarios = list((ROOT / "data" / "scenarios").glob("*.toml"))
    assert len(done.stdout.splitlines()) == len(scenarios) >= 2
