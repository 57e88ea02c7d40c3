"""`State` for Numba: one pointer to a table of the arrays' addresses and lengths.

A tuple of that many arrays costs a minute of compilation, because every call passes every
field of every array. Here a function gets one pointer and loads what it uses; the loads are
marked as invariant, since no array moves while compiled code runs.
"""

from __future__ import annotations

import hashlib
import operator
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core.cgutils import create_struct_proxy
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_global
from numba.extending import infer_getattr, intrinsic, lower_builtin, lower_getattr_generic, models, register_model
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import from_dtype

from placement_sim.engine.compiled.layout import State

WORDS = 4  # of the table, a field: the address and up to three dimensions
Table = npt.NDArray[np.int64]


def address_table(state: State) -> Table:
    """Give the addresses and the shapes of the arrays, int64 of shape (fields, 4)."""
    table = np.zeros((len(state), WORDS), np.int64)
    for row, array in zip(table, state, strict=True):
        assert array.flags.c_contiguous
        row[0] = array.ctypes.data
        row[1 : 1 + array.ndim] = array.shape
    return table


class StateType(types.Type):
    """The type of the pointer; `fields` gives (dtype, dimensions) of each field."""

    def __init__(self, fields: tuple[tuple[Any, int], ...]) -> None:
        self.fields = fields
        super().__init__(name=f"State{fields}")

    @property
    def digest(self) -> str:
        """Give a name for files that hold machine code for this type."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:8]

    def field_type(self, name: str) -> Any:
        """Give the Numba type of a field."""
        dtype, dimensions = self.fields[State._fields.index(name)]
        return Records(dtype) if isinstance(dtype, types.Record) else types.Array(dtype, dimensions, "C")


class Records(types.Type):
    """The type of a one-dimensional array of records that is indexed by non-negative integers only.

    Numba's own array would look, at every access, whether the index is negative.
    """

    def __init__(self, record: Any) -> None:
        self.record = record
        super().__init__(name=f"Records({record})")


@register_model(Records)
class _RecordsModel(models.StructModel):
    """An address and a length."""

    def __init__(self, manager: Any, kind: Records) -> None:
        super().__init__(manager, kind, [("data", types.voidptr), ("length", types.int64)])


@infer_global(operator.getitem)
class _GetRecord(AbstractTemplate):
    def generic(self, arguments: Any, keywords: Any) -> Any:
        records, index = arguments
        if isinstance(records, Records) and isinstance(index, types.Integer):
            return signature(records.record, records, types.int64)
        return None


@infer_global(len)
class _CountRecords(AbstractTemplate):
    def generic(self, arguments: Any, keywords: Any) -> Any:
        (records,) = arguments
        return signature(types.int64, records) if isinstance(records, Records) else None


@lower_builtin(operator.getitem, Records, types.int64)
def _get_record(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    records = create_struct_proxy(sig.args[0])(context, builder, arguments[0])
    size = ir.IntType(64)(sig.args[0].record.size)
    place = builder.gep(records.data, [builder.mul(arguments[1], size)])
    return builder.bitcast(place, context.get_value_type(sig.return_type))


@lower_builtin(len, Records)
def _count_records(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    return create_struct_proxy(sig.args[0])(context, builder, arguments[0]).length


def type_of(state: State) -> StateType:
    """Give the Numba type of a state."""
    return StateType(tuple((from_dtype(array.dtype), array.ndim) for array in state))


@register_model(StateType)
class _StateModel(models.OpaqueModel):
    """An untyped pointer."""


@infer_getattr
class _StateAttributes(AttributeTemplate):
    key = StateType

    def generic_resolve(self, state: StateType, name: str) -> Any:
        """Give the type of a field, None for a name that is none."""
        return state.field_type(name) if name in State._fields else None


@lower_getattr_generic(StateType)
def _load_field(context: Any, builder: Any, state: StateType, value: Any, name: str) -> Any:
    """Build the array of a field out of the table."""
    word = ir.IntType(64)
    table = builder.bitcast(value, word.as_pointer())
    first = State._fields.index(name) * WORDS
    invariant = builder.module.add_metadata([])

    def load(place: int) -> Any:
        loaded = builder.load(builder.gep(table, [word(first + place)]))
        loaded.set_metadata("invariant.load", invariant)
        return loaded

    kind = state.field_type(name)
    if isinstance(kind, Records):
        records = create_struct_proxy(kind)(context, builder)
        records.data = builder.inttoptr(load(0), ir.IntType(8).as_pointer())
        records.length = load(1)
        return records._getvalue()
    array = make_array(kind)(context, builder)
    itemsize = word(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    shape = [load(1 + axis) for axis in range(kind.ndim)]
    strides = [itemsize]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    data = builder.inttoptr(load(0), array.data.type)
    populate_array(array, data, shape, strides, itemsize, meminfo=None)
    return array._getvalue()


def state_at(state_type: StateType) -> Any:
    """Make the function that turns a table into a state, inside compiled code."""

    @intrinsic
    def as_state(typing_context: Any, table: Any) -> Any:
        def build(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            array = make_array(sig.args[0])(context, builder, arguments[0])
            return builder.bitcast(array.data, ir.IntType(8).as_pointer())

        return state_type(table), build

    return as_state


def state_from(state_type: StateType) -> Any:
    """Make the function that turns the bare pointer back into a state."""

    @intrinsic
    def as_state(typing_context: Any, pointer: Any) -> Any:
        def build(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], ir.IntType(8).as_pointer())

        return state_type(pointer), build

    return as_state


@intrinsic
def call_address(typing_context: Any, address: Any, s: Any, obj: Any, leg: Any, block: Any, count: Any) -> Any:
    """Call a C function by its address: int64 (state, int64, int64, int64, int64)."""
    word = types.int64

    def build(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        whole = ir.IntType(64)
        kind = ir.FunctionType(whole, [ir.IntType(8).as_pointer(), whole, whole, whole, whole])
        return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])

    return word(word, s, word, word, word, word), build


@intrinsic
def leading_zeros(typing_context: Any, value: Any) -> Any:
    """Count the leading zero bits of an int64."""

    def build(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.int64), build
