"""The command line from outside: status, one line for bad input, JSON that parses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_run import TINY

from placement_sim.cli import main, shared

PLUGIN = """
from placement_sim.policies.interface import PlacementPolicy
mine = PlacementPolicy("mine", "me", "the last candidate", lambda write, view, p, s: int(view.candidates[-1]))
"""


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    file = tmp_path / "tiny.toml"
    file.write_text(TINY)
    return str(file)


def test_run_as_json(scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", scenario, "--seed", "3", "--json", "--out", str(tmp_path / "o")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["manifest"]["seed"] == 3
    assert found["summary"]["no_space_time_s"] is None
    assert (tmp_path / "o" / "manifest.json").is_file()


def test_run_as_text(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", scenario, "--policy", "stripe"]) == 0
    assert "single run" in capsys.readouterr().out


def test_a_long_run_tells_where_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = iter([100.0, 104.0, 105.5, 107.0, 112.0])
    monkeypatch.setattr(shared.time, "monotonic", lambda: next(seconds))
    show = shared.time_bar(60 * 10**9)
    for now_ns in (1, 2, 3, 4):
        show(now_ns * 10**9)
    told = ["2.0 of 60.0 s simulated in 6 s", "4.0 of 60.0 s simulated in 12 s"]
    assert capsys.readouterr().err.splitlines() == told, "a line in five seconds, the first after as many"


def test_compare_with_a_plugin(scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.py").write_text(PLUGIN)
    arguments = ["compare", scenario, "--policies", "most_free,mine", "--replications", "2"]
    arguments += ["--plugin", str(tmp_path / "p.py"), "--out", str(tmp_path / "o")]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["policy"] for row in found["table"]} == {"most_free", "mine"}
    assert "<html" in (tmp_path / "o" / "report.html").read_text()
    assert main(arguments) == 0
    assert "Paired differences" in capsys.readouterr().out


def test_policies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policies", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert set(rows[0]) == {"name", "source", "needs_map", "summary"}
    assert main(["policies"]) == 0


def test_trace_info(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.csv"
    file.write_text("10,hm,0,Write,4096,512,1\n30,hm,0,Read,5120,1024,1\n")
    assert main(["trace", "info", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["requests"] == 2
    assert main(["trace", "info", str(file), "--format", "msr"]) == 0


BAD = [
    ["run", "none.toml"],
    ["run", "{scenario}", "--seed", "-1"],
    ["run", "{scenario}", "--seed", "x"],
    ["run", "{scenario}", "--policy", "most_fre"],
    ["run", "{scenario}", "--plugin", "none.py"],
    ["run", "{scenario}", "--plugin", "{empty}"],
    ["run", "{scenario}", "--plugin", "{broken}"],
    ["run", "{scenario}", "--out", "{scenario}"],
    ["run", "{traced}"],
    ["compare", "{scenario}", "--policies", ","],
    ["compare", "{scenario}", "--policies", "most_free", "--replications", "0"],
    ["compare", "{scenario}"],
    ["trace", "info", "none.csv"],
    ["trace", "info", "{broken}"],
    ["nonsense"],
    ["run"],
]


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_bad_input_is_one_line(
    arguments: list[str], scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    start = TINY.index("synthetic =")
    (tmp_path / "traced.toml").write_text(TINY[:start] + 'trace = { file = "broken.py" }\n')
    names = {name: str(tmp_path / f"{name}.py") for name in ("empty", "broken")}
    names |= {"scenario": scenario, "traced": str(tmp_path / "traced.toml")}
    assert main([argument.format(**names) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("placement-sim: ") and captured.err.count("\n") == 1


def test_interrupted(scenario: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("placement_sim.experiments.run.run", stop)
    assert main(["run", scenario]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from placement_sim.cli import main; main(['--help']); "
        "print(sorted({'numpy', 'pandas', 'simpy', 'numba', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.stdout.rstrip().endswith("[]")


def test_demo_makes_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from placement_sim.experiments import demo

    found = demo.demo(replications=1)
    assert list(found.runs["policy"]) == list(demo.POLICIES_SHOWN)
    fleet = demo.demo_fleet(replications=1)
    assert list(fleet.runs["policy"]) == list(demo.STRATEGIES_SHOWN)
    assert (fleet.runs["upgraded_vms"] == 24).all()


OWN_STRATEGY = """
from placement_sim.upgrades import Step, UpgradeStrategy
steps = (Step("stop", "stop_application"), Step("patch", "patch"), Step("start", "start_application"))
undo = UpgradeStrategy("mine", "me", "three steps", "software", steps)
"""


@pytest.fixture
def fleet(tmp_path: Path) -> str:
    from test_fleet_runs import SMALL

    file = tmp_path / "fleet.toml"
    file.write_text(SMALL.replace("guest = ", "# guest = "))
    return str(file)


def test_strategies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategies", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"name", "source", "summary", "needs_reboot", "steps"} <= set(rows[0])
    assert {"step", "time_s_mean", "source", "mark"} <= set(rows[0]["steps"][0])
    assert main(["strategies"]) == 0
    assert "attach os disk" in capsys.readouterr().out


def test_fleets_are_run_and_compared(fleet: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", fleet, "--strategy", "os_swap", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["upgraded_vms"] == 6
    assert main(["compare", fleet, "--strategies", "software_swap,os_swap", "--replications", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["policy"] for row in found["table"]} == {"software_swap", "os_swap"}
    arguments = ["compare", fleet, "--strategies", "os_swap", "--policies", "stripe,most_free", "--replications", "2"]
    assert main([*arguments, "--out", str(tmp_path / "o")]) == 0
    assert "os_swap on stripe" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "o" / "report.html"), "--sample", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agrees"]


def test_a_strategy_of_ones_own(fleet: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = tmp_path / "own.py"
    steps = "steps = ("
    undone = OWN_STRATEGY.replace(steps, "back = Step('start', 'start_application', version=1)\n" + steps)
    plugin.write_text(undone.replace('"stop_application")', '"stop_application", undo=back)').replace(
        '"patch", "patch")', '"patch", "patch", undo=Step("unpatch", "patch", version=1))'
    ))  # fmt: skip
    assert main(["run", fleet, "--strategy", "mine", "--plugin", str(plugin), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["manifest"]["strategy"]["name"] == "mine"
    plugin.write_text(OWN_STRATEGY)  # a failed patch would leave the machine stopped
    assert main(["run", fleet, "--strategy", "mine", "--plugin", str(plugin)]) == 2
    assert "give each step what undoes it" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [
    ["compare", "{scenario}", "--strategies", "os_swap"],
    ["compare", "{fleet}"],
    ["compare", "{fleet}", "--strategies", "os_swab"],
    ["run", "{scenario}", "--strategy", "os_swap"],
    ["run", "{rushed}"],
])  # fmt: skip
def test_bad_fleet_input_is_one_line(
    arguments: list[str], scenario: str, fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rushed = Path(fleet).with_name("rushed.toml")
    rushed.write_text(Path(fleet).read_text().replace("[fleet]", "[fleet]\nlimits = { operations_per_s = 4e9 }", 1))
    names = {"scenario": scenario, "fleet": fleet, "rushed": str(rushed)}
    assert main([argument.format(**names) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("placement-sim: ") and captured.err.count("\n") == 1
