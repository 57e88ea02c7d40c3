"""Settings that hold for every test: no window opens, and Hypothesis repeats the same cases."""

import os

from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
collect_ignore = ["fuzz_traces.py"]  # a program of its own, and atheris is not everywhere
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
