"""Reports of real runs: all parts are there, nothing is loaded, names are escaped, bytes repeat; verify works."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from browser import need_paper
from test_run import FULL, TINY

from placement_sim import Comparison, Scenario, compare, report, run
from placement_sim.cli import main
from placement_sim.errors import InputError
from placement_sim.experiments.digest import summary_digest
from placement_sim.experiments.verify import verify
from placement_sim.policies.interface import PlacementPolicy
from placement_sim.reporting import html_report
from placement_sim.reporting.embedded import manifest_of, read_manifest
from placement_sim.reporting.gallery import PLATES
from placement_sim.reporting.page import MAX_BYTES, Code, Page, Section
from placement_sim.reporting.write import page_of

POLICIES = ["most_free", "stripe", "round_robin"]
EVIL = "<script>alert(1)</script>"
PLUGIN = """
from placement_sim.policies.interface import PlacementPolicy
mine = PlacementPolicy("mine", "me", "the last candidate", lambda write, view, p, s: int(view.candidates[-1]))
"""


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(Scenario.from_text(FULL.replace('"tiny"', '"full disks"')), POLICIES, replications=2)


@pytest.fixture(scope="module")
def html(comparison: Comparison) -> str:
    return html_report(comparison)


def visible(html: str) -> str:
    """Give the page without its pictures, whose SVG names the address of its format."""
    return re.sub(r"data:[^\"]+", "", html)


def test_every_part_is_there_and_nothing_is_loaded(html: str) -> None:
    for head in ("Summary", "Results", "Figures", "All metrics", "Methods", "Limits", "Manifest"):
        assert f">{head}</h2>" in html
    assert "://" not in visible(html) and "url(" not in html and "<script" not in html and "<link" not in html
    assert len(html.encode()) < MAX_BYTES
    assert html.count("<tr>") > 30


def test_captions_say_what_was_run(html: str) -> None:
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", html)
    assert len(captions) == len(PLATES) - 7  # seven are of fleets only
    for number, caption in enumerate(captions, 1):
        assert caption.startswith(f"Figure {number}. ")
        assert "Scenario &#39;full disks&#39;, 3 rules, 2 runs each from seed 1" in caption


def test_the_summary_says_what_ran_out_of_space(comparison: Comparison) -> None:
    said = " ".join(page_of(comparison).summary[0].sentences)  # type: ignore[union-attr]
    row = comparison.table.set_index(["policy", "metric"]).loc[("stripe", "no_space_time_s")]
    assert f"Under stripe a write found no space in 2 of 2 runs, first after {row['best']:.4g} s" in said
    assert "Mean latency: lowest under" in said


def test_bytes_repeat_also_after_a_detour_over_files(html: str, tmp_path: Path) -> None:
    again = compare(Scenario.from_text(FULL.replace('"tiny"', '"full disks"')), POLICIES, replications=2)
    assert html_report(Comparison.load(again.save(tmp_path))) == html


def test_names_are_escaped(tmp_path: Path) -> None:
    text = TINY.replace('"tiny"', f'"{EVIL}"').replace('"vm"', f'"{EVIL}vm"').replace('name = "d"', f'name = "{EVIL}"')
    own = PlacementPolicy(EVIL, EVIL, EVIL, lambda write, view, parameters, state: int(view.candidates[0]))
    html = html_report(compare(Scenario.from_text(text), [own, "stripe"], 1), title=EVIL)
    assert EVIL not in html and "<script" not in html
    assert "&lt;script&gt;" in html
    assert manifest_of(html)["scenario"]["name"] == EVIL


def test_a_single_run_says_that_it_is_one() -> None:
    result = run(Scenario.from_text(TINY))
    html = html_report(result)
    assert "A single run of each rule: no interval can be given" in html
    (entry,) = manifest_of(html)["runs"]
    assert entry == {"policy": "most_free", "seed": 1, "summary_sha256": summary_digest(dict(result.summary))}


def test_what_cannot_be_reported() -> None:
    with pytest.raises(InputError, match="nothing is known about a DataFrame"):
        html_report(pd.DataFrame())
    large = Page("t", "l", [], [Section("s", [Code("x" * MAX_BYTES)])], [])
    with pytest.raises(InputError, match=r"3\.0 MB is more than"):
        html_report(large)
    with pytest.raises(InputError, match="holds no manifest"):
        manifest_of("<html></html>")


def test_report_of_a_scenario_and_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    file = tmp_path / "o" / "r.html"
    assert main(["report", str(tmp_path / "tiny.toml"), "--replications", "2", "--out", str(file)]) == 0
    assert f"Report: {file}" in capsys.readouterr().out
    assert ">Scenario: tiny</h1>" in file.read_text()
    assert main(["verify", str(file), "--all", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["agrees"] is True and found["remarks"] == [] and len(found["runs"]) == found["stated_runs"] == 2
    digest = found["runs"][0]["stated_sha256"]
    file.write_text(file.read_text().replace(digest, "0" * 64))
    assert main(["verify", str(file)]) == 1
    told = capsys.readouterr().out
    assert "2 of 2 runs were repeated: their numbers DIFFER from the report." in told and "NO" in told


FLEET = """
name = "two machines"
policy = "most_free"
disks = [{ name = "d", count = 2, capacity = "1 TiB", service = { kind = "exponential", mean = "1 ms" } }]
[fleet]
machines = 2
boot = { read = "1 MiB", requests = 16 }
start = { read = "1 MiB", requests = 16 }
patch = { written = "1 MiB", requests = 16 }
"""


def test_report_of_strategies() -> None:
    comparison = compare(Scenario.from_text(FLEET), strategies=["software_swap", "recompose"], replications=2)
    page = page_of(comparison)
    assert page.title == "Comparison of upgrade strategies: two machines"
    assert page.lead == "Scenario 'two machines', 2 strategies, 2 runs each from seed 1, until the upgrade ends."
    said = page.summary[0].sentences  # type: ignore[union-attr]
    assert said[0].startswith("Downtime of a machine, mean: lowest under software_swap")
    figures, methods = page.sections[1].items, page.sections[-1].items
    assert figures[0].caption.startswith("Makespan of the rollout and mean downtime")  # type: ignore[union-attr]
    command = "placement-sim compare scenario.toml --policies most_free --strategies software_swap,recompose"
    said_last = methods[-1].text  # type: ignore[union-attr]
    assert said_last == f"{command} --replications 2 --baseline software_swap --seed 1"
    assert verify(page.manifest, sample=2).agrees


def test_report_of_saved_folders(comparison: Comparison, html: str, tmp_path: Path) -> None:
    comparison.save(tmp_path / "both")
    assert main(["report", str(tmp_path / "both"), "--out", str(tmp_path / "both.html")]) == 0
    assert (tmp_path / "both.html").read_text() == html
    run(Scenario.from_text(TINY)).save(tmp_path / "one")
    assert main(["report", str(tmp_path / "one"), "--out", str(tmp_path / "one.html"), "--title", "One"]) == 0
    assert ">One</h1>" in (tmp_path / "one.html").read_text()


def test_verify_samples_evenly_and_says_what_changed(comparison: Comparison, html: str) -> None:
    manifest = manifest_of(html)
    verdict = verify(manifest, sample=3)
    assert verdict.agrees and verdict.stated_runs == 6
    assert list(verdict.runs["seed"]) == [manifest["runs"][i]["seed"] for i in (0, 2, 5)]
    manifest["code_sha256"], manifest["versions"]["numpy"] = "0", "1.0"
    manifest["policies"][0]["rule_sha256"] = "0"
    remarks = verify(manifest, sample=1).remarks
    assert [remark.split(" ")[0] for remark in remarks] == ["the", "numpy", "the"]
    assert "the rule most_free has another source now" in remarks[2]


def test_verify_finds_traces_and_own_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("10,hm,0,Write,4096,512,1\n30,hm,0,Read,5120,1024,1\n")
    start = TINY.index("synthetic =")
    (tmp_path / "s.toml").write_text(TINY[:start] + 'trace = { file = "t.csv" }\n')
    (tmp_path / "p.py").write_text(PLUGIN)
    out, plugin = tmp_path / "o", ["--plugin", str(tmp_path / "p.py")]
    arguments = ["compare", str(tmp_path / "s.toml"), "--policies", "mine", "--replications", "1", "--out", str(out)]
    assert main([*arguments, *plugin]) == 0
    page, folder = str(out / "report.html"), ["--folder", str(tmp_path)]
    assert str(tmp_path) not in (out / "report.html").read_text()
    assert main(["verify", page, *folder, *plugin]) == 0
    capsys.readouterr()
    for wrong, said in ((plugin, "not found: t.csv"), (folder, "'mine' is not built in")):
        assert main(["verify", page, *wrong]) == 2
        assert said in capsys.readouterr().err
    (tmp_path / "t.csv").write_text("10,hm,0,Write,4096,512,1\n")
    assert main(["verify", page, *folder, *plugin]) == 2
    assert "is not the file" in capsys.readouterr().err


def test_verify_finds_a_log_of_failures(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("time_s,action,name\n0.1,disk_offline,d-0\n0.2,disk_online,d-0\n")
    scenario = Scenario.from_text('failures = { log = "log.csv" }\n' + TINY, folder=tmp_path)
    found = compare(scenario, ["most_free"], 2)
    manifest = manifest_of(html_report(found))
    assert verify(manifest, 2, [tmp_path]).agrees
    with pytest.raises(InputError, match=r"not found: log\.csv"):
        verify(manifest)
    (tmp_path / "log.csv").write_text("time_s,action,name\n0.1,disk_offline,d-0\n")
    with pytest.raises(InputError, match=r"log\.csv: is not the file"):
        verify(manifest, 2, [tmp_path])


BAD = [
    ["report", "none.toml"],
    ["report", "none.ipynb"],
    ["report", "{folder}"],
    ["report", "{scenario}", "--out", "r.pdf"],
    ["report", "{scenario}", "-p", "seed=1"],
    ["report", "{scenario}", "--replications", "0"],
    ["report", "{scenario}", "--out", "{scenario}/r.html"],
    ["report", "{broken}"],
    ["verify", "none.html"],
    ["verify", "{scenario}"],
    ["verify", "{html}", "--sample", "0"],
]


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_bad_input_is_one_line(
    arguments: list[str], html: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY.replace("requests = 40", "requests = 2"))
    (tmp_path / "broken.ipynb").write_text("{}")
    (tmp_path / "r.html").write_text(html)
    (tmp_path / "empty").mkdir()
    names = {"scenario": "tiny.toml", "broken": "broken.ipynb", "html": "r.html", "folder": "empty"}
    assert main([argument.format(**names) for argument in arguments]) == 2
    err = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("run ")]
    assert len(err) == 1 and err[0].startswith("placement-sim: ")


def test_python_call_writes_both_files(comparison: Comparison, tmp_path: Path) -> None:
    need_paper()
    whole = page_of(comparison)
    page = dataclasses.replace(whole, sections=whole.sections[:1])  # figures take time and change nothing here
    paths = [report(page, tmp_path / f"{name}.html", pdf=True) for name in "ab"]
    assert read_manifest(paths[0])["report"] == "comparison"
    papers = [path.with_suffix(".pdf").read_bytes() for path in paths]
    assert papers[0] == papers[1] and papers[0].startswith(b"%PDF")
