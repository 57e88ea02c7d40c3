# Each target is one line that can be typed without make. Python 3.11 or later.
.PHONY: demo test lab check

demo:
	test -x .venv/bin/pip || python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/placement-sim demo

test:
	test -x .venv/bin/pip || python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest -n 2 -q

lab:
	test -x .venv/bin/pip || python3 -m venv .venv && .venv/bin/pip install -q -e '.[notebook]' && .venv/bin/jupyter lab notebooks

check:
	test -x .venv/bin/pip || python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
