"""`State` for Numba: one pointer to a table of the arrays' addresses and lengths.

A tuple of that many arrays costs a minute of compilation, because every call passes every
field of every array. Here a function gets one pointer and loads what it uses; the loads are
marked as invariant, since no array moves while compiled code runs.
"""

from __future__ import annotations

import functools
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


def _short(kind: object) -> str:
    """Give a short name of types: the long ones, in every name of a function, take a tenth of the compile time."""
    return hashlib.sha256(str(kind).encode()).hexdigest()[:8]


class StateType(types.Type):
    """The type of the pointer; `fields` gives (dtype, dimensions) of each field."""

    def __init__(self, fields: tuple[tuple[Any, int], ...]) -> None:
        self.fields = fields
        self.digest = _short(fields)  # stands in the names of functions and files
        super().__init__(name=f"State_{self.digest}")

    def field_type(self, name: str) -> Any:
        """Give the Numba type of a field."""
        dtype, dimensions = self.fields[State._fields.index(name)]
        return Vector(dtype) if dimensions == 1 else types.Array(dtype, dimensions, "C")


class Vector(types.Type):
    """The type of a one-dimensional array that is indexed by non-negative integers only.

    Numba's own array would look, at every access, whether the index is negative.
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Vector_{_short(dtype)}")


@register_model(Vector)
class _VectorModel(models.StructModel):
    """An address and a length."""

    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, [("data", types.voidptr), ("length", types.int64)])


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, arguments: Any, keywords: Any) -> Any:
        vector, index = arguments
        if isinstance(vector, Vector) and isinstance(index, types.Integer):
            return signature(vector.dtype, vector, types.int64)
        return None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, arguments: Any, keywords: Any) -> Any:
        vector, index, _ = arguments
        if isinstance(vector, Vector) and isinstance(index, types.Integer):
            return signature(types.none, vector, types.int64, vector.dtype)
        return None


@infer_global(len)
class _Length(AbstractTemplate):
    def generic(self, arguments: Any, keywords: Any) -> Any:
        (vector,) = arguments
        return signature(types.int64, vector) if isinstance(vector, Vector) else None


def _place(context: Any, builder: Any, kind: Vector, vector: Any, index: Any) -> Any:
    """Give the address of an item."""
    data = create_struct_proxy(kind)(context, builder, vector).data
    size = kind.dtype.size if isinstance(kind.dtype, types.Record) else kind.dtype.bitwidth // 8
    return builder.gep(data, [builder.mul(index, ir.IntType(64)(size))])


@lower_builtin(operator.getitem, Vector, types.int64)
def _get_item(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    kind = sig.args[0]
    place = _place(context, builder, kind, arguments[0], arguments[1])
    if isinstance(kind.dtype, types.Record):
        return builder.bitcast(place, context.get_value_type(kind.dtype))
    item = builder.bitcast(place, context.get_data_type(kind.dtype).as_pointer())
    return context.unpack_value(builder, kind.dtype, item)


@lower_builtin(operator.setitem, Vector, types.int64, types.Any)
def _set_item(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    kind = sig.args[0]
    place = _place(context, builder, kind, arguments[0], arguments[1])
    item = builder.bitcast(place, context.get_data_type(kind.dtype).as_pointer())
    context.pack_value(builder, kind.dtype, arguments[2], item)
    return context.get_dummy_value()


@lower_builtin(len, Vector)
def _length(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    return create_struct_proxy(sig.args[0])(context, builder, arguments[0]).length


@intrinsic
def array_of(typing_context: Any, vector: Any) -> Any:
    """Give a vector as Numba's own array, which policies slice and index as they like."""
    kind = types.Array(vector.dtype, 1, "C")

    def build(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        value = create_struct_proxy(vector)(context, builder, arguments[0])
        return _array(context, builder, kind, value.data, [value.length])

    return kind(vector), build


def _array(context: Any, builder: Any, kind: Any, address: Any, shape: list[Any]) -> Any:
    array = make_array(kind)(context, builder)
    itemsize = ir.IntType(64)(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    strides = [itemsize]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    populate_array(array, builder.bitcast(address, array.data.type), shape, strides, itemsize, meminfo=None)
    return array._getvalue()


@register_model(StateType)
class _StateModel(models.OpaqueModel):
    """An untyped pointer."""


@infer_getattr
class _StateAttributes(AttributeTemplate):
    key = StateType

    def generic_resolve(self, state: StateType, name: str) -> Any:
        """Give the type of a field, None for a name that is none."""
        return state.field_type(name) if name in State._fields else None


def type_of(state: State) -> StateType:
    """Give the Numba type of a state."""
    return StateType(tuple((_item_type(array.dtype), array.ndim) for array in state))


@functools.lru_cache
def _item_type(dtype: np.dtype[Any]) -> Any:
    """Give the Numba type of a NumPy one: for a record that takes as long as a thousand requests."""
    return from_dtype(dtype)


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
    address = builder.inttoptr(load(0), ir.IntType(8).as_pointer())
    if isinstance(kind, Vector):
        vector = create_struct_proxy(kind)(context, builder)
        vector.data = address
        vector.length = load(1)
        return vector._getvalue()
    return _array(context, builder, kind, address, [load(1 + axis) for axis in range(kind.ndim)])


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


def _load(bits: int) -> Any:
    """Make the function that gives the item at a place of a column of unsigned numbers, by the column's address."""

    @intrinsic
    def load(typing_context: Any, address: Any, place: Any) -> Any:
        word = types.int64

        def build(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            column = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
            item = builder.load(builder.gep(column, [arguments[1]]))
            return item if bits == 64 else builder.zext(item, ir.IntType(64))

        return word(word, word), build

    return load


load_word, load_byte = _load(64), _load(8)
