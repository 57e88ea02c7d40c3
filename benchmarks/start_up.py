"""Time to start: ``python benchmarks/start_up.py``. Aims above Python's own: import 0.5 s, --help 0.7 s."""

import subprocess
import sys
import time

CALLS = {
    "python itself": (["-c", "pass"], 0.0),
    "import placement_sim": (["-c", "import placement_sim"], 0.5),
    "placement-sim --help": (["-m", "placement_sim", "--help"], 0.7),
}
TRIES = 7


def seconds(arguments: list[str]) -> float:
    """Give the shortest of several wall times: what else runs on the machine only adds."""
    times = []
    for _ in range(TRIES):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Print each time, what it is above Python's own, and the aim."""
    own = seconds(CALLS["python itself"][0])
    for name, (arguments, aim_s) in CALLS.items():
        found = seconds(arguments)
        aim = f"aim {aim_s} s: {'met' if found - own <= aim_s else 'MISSED'}" if aim_s else ""
        print(f"{name:24} {found:6.3f} s, above Python's own {max(0.0, found - own):6.3f} s  {aim}")


if __name__ == "__main__":
    main()
