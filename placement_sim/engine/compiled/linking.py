"""How Numba compiles the loop: one optimisation and one generation of machine code for all of its functions.

Left to itself, Numba optimises every inner function and makes machine code of it that nothing
calls, and again as a part of each function that calls it; and it runs passes for what our text
does not use. That took twice the time.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager
from numba.core.typed_passes import (
    AnnotateTypes,
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import FixupArgs, GenericRewrites, IRProcessing, ReconstructSSA, TranslateByteCode

# Left out: closures, branches on literals, array expressions and all else that plain loops over records do without.
PASSES = (
    TranslateByteCode, FixupArgs, IRProcessing, GenericRewrites, ReconstructSSA, NopythonTypeInference,
    PreLowerStripPhis, IRLegalization, AnnotateTypes, NativeLowering, NoPythonBackend,
)  # fmt: skip


class _PartLibrary(JITCodeLibrary):
    """Code that is only linked into other code: as it was written, without an address."""

    @property
    def codegen(self) -> Any:
        return self

    def set_env(self, name: str, environment: Any) -> None:
        """Do without the Python objects of a function: none of ours uses one."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0


class _WholeLibrary(JITCodeLibrary):
    """Code with all that it calls."""

    _linking_libraries: list[Any]

    def finalize(self) -> None:
        parts: dict[Any, None] = {}
        for library in self._linking_libraries:
            _list_parts(library, parts)
        self._linking_libraries = list(reversed(parts))  # callers first: what nobody calls yet is not linked
        super().finalize()


def _list_parts(library: Any, parts: dict[Any, None]) -> None:
    """Add a library to `parts`, behind all that it calls."""
    if library not in parts:
        for called in library._linking_libraries if isinstance(library, _PartLibrary) else ():
            _list_parts(called, parts)
        parts[library] = None


class PartCompiler(CompilerBase):
    """For functions of this package that only other compiled functions call."""

    library: type[JITCodeLibrary] = _PartLibrary

    def define_pipelines(self) -> list[PassManager]:
        """Give the passes, and the library that they fill."""
        state = self.state
        state.library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return [self.passes()]

    def passes(self) -> PassManager:
        """Give the passes that our text needs."""
        manager = PassManager("loop")
        for kind in PASSES:
            manager.add_pass(kind, kind.__name__)
        manager.finalize()
        return manager


class WholeCompiler(PartCompiler):
    """For functions that are called from outside."""

    library = _WholeLibrary


class UsersCompiler(WholeCompiler):
    """For a user's function, which may be written in all that Numba knows, and use Python objects: `print`."""

    def passes(self) -> PassManager:
        """Give all passes."""
        return DefaultPassBuilder.define_nopython_pipeline(self.state)
