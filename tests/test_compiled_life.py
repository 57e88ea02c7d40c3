"""Life with the compiled data path: when Numba is loaded, what is compiled anew, Ctrl-C, progress, errors."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from data_path_cases import Case, Load, cluster, differences, observe
from data_path_table import emptiest_or_drawn, own_policy

from placement_sim.engine.datapath import Stream
from placement_sim.engine.simulate import simulate
from placement_sim.errors import InputError, PolicyError

PACKAGE = Path(__file__).resolve().parents[1] / "placement_sim"
PATHS = ["reference", "compiled"]
SMALL_RUN = """
import sys
from data_path_cases import Case, cluster, observe
outcome = observe(Case(cluster()), {path!r}).outcome
print(outcome.data_path, outcome.counts["finished"], "numba" in sys.modules)
"""


def python(text, folder=None, **environment):
    """Run Python text in a process of its own, with this package or one in another folder."""
    folder = folder or PACKAGE.parent  # also the working directory, which Python looks into first
    variables = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(Path(__file__).parent)])} | environment
    done = subprocess.run([sys.executable, "-c", text], env=variables, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


def test_numba_is_loaded_only_when_it_is_used():
    assert python(SMALL_RUN.format(path="auto")) == ("reference 210 False", "")
    assert python("import placement_sim, sys; print('numba' in sys.modules)") == ("False", "")


@pytest.mark.parametrize("broken", ["None", "type(sys)('numba')"])
def test_without_numba_the_reference_runs_and_says_so(broken):
    out, err = python(f"import sys; sys.modules['numba'] = {broken}\n" + SMALL_RUN.format(path="compiled"))
    assert out.startswith("reference 210")
    assert "RuntimeWarning: the reference data path is used, because Numba fails: " in err


def test_a_users_compiled_policy_may_print():
    text = """
import numba
from data_path_cases import Load, cluster
from data_path_table import own_policy
from placement_sim.engine.simulate import simulate

@numba.njit
def choose(write, view, parameters, state):
    if state[0] == 0:
        print("asked first for block", write.block)
    state[0] = 1
    return view.candidates[0]

what = cluster(2)
outcome = simulate(what, [Load("load").stream(what)], own_policy(choose), seed=1, window_ns=10**9, data_path="compiled")
print(outcome.data_path, outcome.counts["finished"])
"""
    out, _ = python(text)
    assert out.startswith("asked first for block ")
    assert out.endswith("\ncompiled 150")
    assert out.count("asked") == 1


@pytest.mark.parametrize("step", ["kernel", "rule"])
def test_where_numba_cannot_compile_our_own_text_the_reference_runs_and_says_so(step, monkeypatch):
    from placement_sim.engine.compiled import build

    def fails(*arguments):
        raise AssertionError("a symbol is not linked")

    monkeypatch.setattr(build, step, fails)
    with pytest.warns(RuntimeWarning, match="reference data path is used, because Numba fails: AssertionError: a symb"):
        outcome = observe(Case(cluster()), "compiled").outcome
    assert outcome.data_path == "reference"


def test_a_policy_that_numba_cannot_compile_is_called_back_and_it_is_said():
    numba = pytest.importorskip("numba")

    def choose(write, view, parameters, state):
        return min(view.candidates, key=lambda disk: {"free": -view.free_bytes[disk]}["free"])

    case = Case(cluster(), policy=own_policy(numba.njit(choose)))
    with pytest.warns(RuntimeWarning, match="policy own runs as plain Python"):
        compiled = observe(case, "compiled")
    assert differences(observe(case, "reference"), compiled) == []


# -- compiling ----------------------------------------------------------------------------------


def copy_of_package(folder, name, old, new):
    """Copy the package and change one text in one of its files."""
    shutil.copytree(PACKAGE, folder / "placement_sim", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "placement_sim" / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


EDITED = ("engine/compiled/heap.py", "engine/compiled/path.py", "model/service.py", "policies/jump.py", "randomness.py")


@pytest.mark.parametrize("name", EDITED)
def test_an_edit_of_any_source_gives_the_machine_code_another_folder(name, tmp_path, monkeypatch):
    from placement_sim.engine.compiled import build

    before = build.source_digest()
    copy_of_package(tmp_path, name, "import annotations", "import annotations  # edited")
    monkeypatch.setattr(build, "__file__", str(tmp_path / "placement_sim" / "engine" / "compiled" / "build.py"))
    assert build.source_digest() != before


@pytest.mark.slow
def test_an_edited_kernel_never_runs_stale_code(tmp_path):
    """The edit halves the latency that is counted; the note comes with each compilation, and only then."""
    text = (
        "from data_path_cases import Case, cluster, observe\n"
        "print(int(observe(Case(cluster()), 'compiled').outcome.latency_sum_ns.sum()))"
    )
    cache = {"PLACEMENT_SIM_CACHE": str(tmp_path / "cache")}
    first, note = python(text, **cache)
    assert "compiling" in note
    assert python(text, **cache) == (first, "")
    old = "s.latency_sum_ns[row] += latency_ns"
    copy_of_package(tmp_path, "engine/compiled/ends.py", old, old + " // 2")
    edited, note = python(text, folder=tmp_path, **cache)
    assert "compiling" in note
    assert 0.49 * int(first) < int(edited) <= 0.5 * int(first)
    assert len(list((tmp_path / "cache" / "placement_sim").iterdir())) == 2


def test_a_cache_that_cannot_be_written_is_replaced(tmp_path, monkeypatch):
    from placement_sim.engine.compiled import build

    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PLACEMENT_SIM_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(build.tempfile, "gettempdir", lambda: str(tmp_path))
    assert build.cache_folder() == tmp_path / "placement_sim" / build.source_digest()


# -- long runs ----------------------------------------------------------------------------------

LONG_RUN = """
import sys
from data_path_cases import Load, cluster
from placement_sim.engine.simulate import simulate
from placement_sim.policies import make_policy
what = cluster(4)
def streams():
    from dataclasses import replace
    stream = Load("loop", count=5000, outstanding=8).stream(what)
    chunk = next(stream.requests)
    return [replace(stream, requests=iter(lambda: chunk, None))]
simulate(what, streams(), make_policy("least_queue"), seed=1, window_ns=10**15, data_path="compiled",
         progress=lambda now_ns: print(now_ns, flush=True))
"""


def test_ctrl_c_is_heard_and_progress_told():
    """It stops within half a second on a machine that does nothing else; here it gets ten times that."""
    path = os.pathsep.join([str(PACKAGE.parent), str(Path(__file__).parent)])
    child = subprocess.Popen(
        [sys.executable, "-c", LONG_RUN], env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        told = [int(child.stdout.readline()) for _ in range(5)]
        child.send_signal(signal.SIGINT)
        begun = time.monotonic()
        error = child.communicate(timeout=60)[1]
    finally:
        child.kill()
        child.wait()
    assert time.monotonic() - begun < 5
    assert "KeyboardInterrupt" in error
    assert told == sorted(set(told))


# -- errors -------------------------------------------------------------------------------------


def wrong_disk(write, view, parameters, state):
    state[0] += 1
    return view.candidates[0] if state[0] < 20 else 77


def failing(write, view, parameters, state):
    state[0] += 1
    if state[0] == 20:
        raise ValueError("out of ideas")
    return view.candidates[0]


def forgetful(write, view, parameters, state):
    state[0] += 1
    return 77 if state[0] == 20 else view.candidates[0]


def compiled(choose):
    import numba

    return numba.njit(choose)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("make", [compiled, lambda choose: choose])
def test_a_bad_choice_names_request_block_and_state(make, path):
    with pytest.raises(PolicyError) as caught:
        observe(Case(cluster(3), policy=own_policy(make(wrong_disk))), path)
    assert str(caught.value) == (
        "workload loop: request 11: policy own chose 77 for block 13 of object 0, leg 0: not one of the disks [0, 1, 2]"
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("make", [compiled, lambda choose: choose])
def test_an_error_of_a_policy_is_its_own(make, path):
    # Compiled, the failed call is made again in Python, where the 21st does not fail: that is an error all the same.
    kind = PolicyError if (make, path) == (compiled, "compiled") else ValueError
    with pytest.raises(kind, match="answered -7 .* when compiled" if kind is PolicyError else "out of ideas"):
        observe(Case(cluster(3), policy=own_policy(make(failing))), path)


def test_a_compiled_policy_may_not_answer_otherwise_when_asked_again():
    with pytest.raises(PolicyError, match="answered 77 for block 13 when compiled, and 0 when asked again"):
        observe(Case(cluster(3), policy=own_policy(compiled(forgetful))), "compiled")


@pytest.mark.parametrize("path", PATHS)
def test_a_request_beyond_its_object_is_named(path):
    small = cluster(2, blocks=4)
    stream = replace(Load("vm", count=9, chunks=3).stream(cluster(2, blocks=40)), object_index=0)
    with pytest.raises(InputError, match="workload vm: request 0"):
        simulate(small, [stream], own_policy(emptiest_or_drawn), seed=1, data_path=path)


def test_a_broken_source_of_requests_ends_the_run():
    def broken():
        yield next(Load(count=50).stream(cluster()).requests)
        raise OSError("the trace is gone")

    with pytest.raises(OSError, match="the trace is gone"):
        simulate(cluster(), [Stream("t", 0, broken())], own_policy(emptiest_or_drawn), seed=1, data_path="compiled")


TWO_PATHS = """
import sys
from placement_sim import Scenario, run
scenario = Scenario.from_toml("data/scenarios/unequal_disks.toml")
for policy in sys.argv[1:]:
    one, other = (run(scenario, policy=policy, data_path=path) for path in ("reference", "compiled"))
    assert one.disks.equals(other.disks), f"{policy} is another rule when compiled"
"""


@pytest.mark.slow
def test_machine_code_of_many_processes_does_not_mix(tmp_path):
    """Rules that were compiled each in a process of its own, and so numbered alike, stay themselves in one."""
    policies = ["most_free", "stripe", "round_robin", "random"]
    root = Path(__file__).resolve().parent.parent
    env = os.environ | {"PLACEMENT_SIM_CACHE": str(tmp_path)}
    for names in (*([policy] for policy in policies), policies):
        done = subprocess.run(
            [sys.executable, "-c", TWO_PATHS, *names], cwd=root, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
