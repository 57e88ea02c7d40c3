"""Run rows of the table with Numba's compiler switched off; print differences and functions that were not called."""

import sys
from dataclasses import replace
from pathlib import Path

from data_path_cases import differences, observe
from data_path_table import CASES

import placement_sim.engine.compiled

TEXT = ("ends", "hardware", "heap", "loop", "maps", "parts", "requests", "streams")
# Uncompiled, every policy is called back, so that `choice` and what only it calls are idle.
COMPILED_ONLY = {"reserve", "holder"}


def functions() -> set[tuple[str, str]]:
    """Name every function of the loop's text, with its file."""
    folder = Path(placement_sim.engine.compiled.__file__).parent
    found = set()
    for name in TEXT:
        code = compile((folder / f"{name}.py").read_text(), name, "exec")
        found |= {(name, part.co_name) for part in code.co_consts if hasattr(part, "co_name")}
    return {(name, function) for name, function in found if function not in COMPILED_ONLY}


def main() -> None:
    missing = functions()

    def note_call(frame, event, argument):
        if event == "call" and "compiled" in frame.f_code.co_filename:
            missing.discard((Path(frame.f_code.co_filename).stem, frame.f_code.co_name))

    for name in sys.argv[1:]:
        case = CASES[name]()
        case = replace(case, loads=tuple(replace(load, count=load.count // 2) for load in case.loads))
        reference = observe(case, "reference")
        sys.setprofile(note_call)
        plain = observe(case, "compiled")
        sys.setprofile(None)
        for line in differences(reference, plain):
            print(name, line)
    for name in sorted(missing):
        print("never called:", *name)


if __name__ == "__main__":
    main()
