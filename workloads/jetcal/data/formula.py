"""The language in which a resource says how branches make columns: arithmetic, conditions and an index, nothing else.

A formula is parsed by Python's own grammar and compiled node by node; what is not listed here is refused, and
nothing is ever handed to ``eval``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetcal.data.columns import Column, RefusedError, repeated, taken
from jetcal.errors import JetcalError

MAX_DEPTH = 50
"""Operations inside each other."""
_INTEGERS = range(-(2**63), 2**64)


def branches(text: str) -> frozenset[str]:
    """The branches that a formula needs; raises ``JetcalError`` if it is none."""
    return _compiled(text)[1]


def evaluate(text: str, arrays: Mapping[str, Column]) -> Column:
    """A formula's value for some entries.

    A name alone keeps the branch's type. Arithmetic and functions are done in double precision; what has no value
    (a division by zero, the root of a negative number) is infinite or NaN. One value an entry goes with every value of
    a list. An index takes values out of the list of the same entry; a negative one, or one beyond its end, gives 0.

    Raises
    ------
    JetcalError
        If the text is no formula, a branch is missing, lists of different lengths meet, or a number stands where a
        condition is needed.
    """
    step, needed = _compiled(text)
    if missing := needed - set(arrays):
        error = f"'{text}': there is no branch {', '.join(sorted(missing))}"
        raise JetcalError(error)
    try:
        with np.errstate(all="ignore"):
            return step(arrays)
    except RefusedError as refused:
        error = f"'{text}': {refused}"
        raise JetcalError(error) from refused


_Step = Callable[[Mapping[str, Column]], Column]
_Converter = Callable[[NDArray[Any]], NDArray[Any]]


def _real(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.float64, copy=False)


def _exact(values: NDArray[Any]) -> NDArray[Any]:
    """Integers as they are: in double precision, neighbouring numbers of events would be equal."""
    return values if values.dtype.kind in "biu" else _real(values)


def _truth(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind != "b":
        message = "a number stands where a condition is needed; compare it, as in (x != 0)"
        raise RefusedError(message)
    return values


def _wrap(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same angle between -pi and pi; one that lies there stays as it is, bit for bit."""
    return angle - 2 * np.pi * np.round(angle / (2 * np.pi))


@dataclass(frozen=True)
class _Operation:
    compute: Callable[..., NDArray[Any]]
    takes: tuple[_Converter, ...]


_OPERATORS: dict[type, _Operation] = {
    **{
        kind: _Operation(compute, (_real, _real))
        for kind, compute in (
            (ast.Add, np.add),
            (ast.Sub, np.subtract),
            (ast.Mult, np.multiply),
            (ast.Div, np.divide),
        )
    },
    **{
        kind: _Operation(compute, (_exact, _exact))
        for kind, compute in (
            (ast.Eq, np.equal),
            (ast.NotEq, np.not_equal),
            (ast.Lt, np.less),
            (ast.LtE, np.less_equal),
            (ast.Gt, np.greater),
            (ast.GtE, np.greater_equal),
        )
    },
    ast.BitAnd: _Operation(np.logical_and, (_truth, _truth)),
    ast.BitOr: _Operation(np.logical_or, (_truth, _truth)),
    ast.Invert: _Operation(np.logical_not, (_truth,)),
    ast.USub: _Operation(np.negative, (_real,)),
    ast.UAdd: _Operation(np.positive, (_real,)),
}
_FUNCTIONS: dict[str, _Operation] = {
    **{
        compute.__name__: _Operation(compute, (_real,))
        for compute in (np.sqrt, np.exp, np.log, np.sin, np.cos, np.sinh, np.cosh)
    },
    "abs": _Operation(np.abs, (_real,)),
    "wrap": _Operation(_wrap, (_real,)),
    "arctan2": _Operation(np.arctan2, (_real, _real)),
    "where": _Operation(np.where, (_truth, _real, _real)),
}


@lru_cache(maxsize=256)
def _compiled(text: str) -> tuple[_Step, frozenset[str]]:
    compiler = _Compiler()
    try:
        step = compiler.visit(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError as invalid:
        error = f"'{text}' is no formula: {invalid.msg}"
        raise JetcalError(error) from invalid
    except (ValueError, RecursionError, MemoryError) as invalid:
        error = f"'{text[:40]}...' is no formula: it is too long"
        raise JetcalError(error) from invalid
    except RefusedError as refused:
        error = f"'{text}' is no formula: {refused}"
        raise JetcalError(error) from refused
    return step, frozenset(compiler.branches)


class _Compiler(ast.NodeVisitor):
    """Makes a step of each node, and gathers the branches."""

    def __init__(self) -> None:
        self.branches: set[str] = set()
        self._depth = 0

    def visit(self, node: ast.AST) -> _Step:
        if self._depth >= MAX_DEPTH:
            message = f"more than {MAX_DEPTH} operations stand inside each other"
            raise RefusedError(message)
        self._depth += 1
        step: _Step = super().visit(node)
        self._depth -= 1
        return step

    def generic_visit(self, node: ast.AST) -> _Step:
        message = (
            f"'{ast.unparse(node)}' is none of names, numbers, + - * /, comparisons, & | ~, an [index] and "
            f"{', '.join(sorted(_FUNCTIONS))}"
        )
        raise RefusedError(message)

    def visit_Constant(self, node: ast.Constant) -> _Step:
        if not isinstance(node.value, float) and not (type(node.value) is int and node.value in _INTEGERS):
            return self.generic_visit(node)
        constant = Column(np.asarray(node.value))
        return lambda _: constant

    def visit_Name(self, node: ast.Name) -> _Step:
        self.branches.add(node.id)
        return lambda arrays: arrays[node.id]

    def visit_UnaryOp(self, node: ast.UnaryOp) -> _Step:
        return self._operation(node, node.op, [node.operand])

    def visit_BinOp(self, node: ast.BinOp) -> _Step:
        return self._operation(node, node.op, [node.left, node.right])

    def visit_Compare(self, node: ast.Compare) -> _Step:
        sides = [node.left, *node.comparators]
        first, *others = [self._operation(node, op, sides[at : at + 2]) for at, op in enumerate(node.ops)]
        for other in others:
            first = _applied(_OPERATORS[ast.BitAnd], [first, other])
        return first

    def visit_Call(self, node: ast.Call) -> _Step:
        name = ast.unparse(node.func)
        if name not in _FUNCTIONS:
            return self.generic_visit(node)
        operation = _FUNCTIONS[name]
        if len(node.args) != len(operation.takes) or node.keywords:
            message = f"'{ast.unparse(node)}' should have {len(operation.takes)} values in its parentheses"
            raise RefusedError(message)
        return _applied(operation, [self.visit(argument) for argument in node.args])

    def visit_Subscript(self, node: ast.Subscript) -> _Step:
        array, index = self.visit(node.value), self.visit(node.slice)
        return lambda arrays: taken(array(arrays), index(arrays))

    def _operation(self, node: ast.expr, op: ast.AST, operands: Sequence[ast.expr]) -> _Step:
        if type(op) not in _OPERATORS:
            return self.generic_visit(node)
        return _applied(_OPERATORS[type(op)], [self.visit(operand) for operand in operands])


def _applied(operation: _Operation, operands: Sequence[_Step]) -> _Step:
    def step(arrays: Mapping[str, Column]) -> Column:
        columns = [operand(arrays) for operand in operands]
        offsets = next((column.offsets for column in columns if column.offsets is not None), None)
        values = [column.values if offsets is None else repeated(column, offsets) for column in columns]
        converted = [convert(array) for convert, array in zip(operation.takes, values, strict=True)]
        return Column(np.asarray(operation.compute(*converted)), offsets)

    return step
