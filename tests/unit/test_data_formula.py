"""Formulas: what they compute, entry by entry, and a sentence for everything that is none."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetcal.data import formula
from jetcal.data.columns import Column
from jetcal.errors import JetcalError

OFFSETS = np.array([0, 3, 3, 5])
LINKS = np.array([0, 2, 2, 6])
ARRAYS = {
    "rho": Column(np.array([1.5, 0.0, -2.0], np.float32)),
    "event": Column(np.array([2**63 + 1, 2**63 + 2, 5], np.uint64)),
    "leading": Column(np.array([2, 0, -1], np.int8)),
    "good": Column(np.array([True, False, True])),
    "pt": Column(np.array([30.5, 20.25, 0.1, 50.0, -7.0], np.float32), OFFSETS),
    "kind": Column(np.array([211, -11, 22, 0, 130], np.int16), OFFSETS),
    "link": Column(np.array([2, -1, 0, 1, 2, 0], np.int32), LINKS),
}
"""Three entries; the second has no pt."""


def values(text: str) -> list:
    return formula.evaluate(text, ARRAYS).values.tolist()


class Lists:
    """A list of numbers that gives 0 beyond its ends."""

    def __init__(self, numbers: np.ndarray) -> None:
        self.numbers = numbers

    def __getitem__(self, index: float) -> np.float64:
        return np.float64(self.numbers[int(index)] if 0 <= index < len(self.numbers) else 0)


def by_hand(text: str) -> list:
    """Entry by entry and item by item of pt's lists, with Python's own evaluation of numpy's scalars."""
    functions = {
        "f": np.float64,
        "abs": np.abs,
        "sqrt": np.sqrt,
        "where": lambda yes, one, other: one if yes else other,
    }
    found = []
    for entry in range(3):
        inside = slice(OFFSETS[entry], OFFSETS[entry + 1])
        scalars = {name: np.float64(ARRAYS[name].values[entry]) for name in ("rho", "leading")}
        lists = {"pts": Lists(ARRAYS["pt"].values[inside])}
        for item in range(inside.start, inside.stop):
            items = {name: np.float64(ARRAYS[name].values[item]) for name in ("pt", "kind")}
            with np.errstate(all="ignore"):
                found.append(eval(text, {"__builtins__": {}} | functions | scalars | lists | items))  # noqa: S307  # made here
    return found


def pairs(numbers, conditions):
    """Formulas, each with what ``by_hand`` reads: numbers as numpy's, and pt as a list where it has an index."""
    join = st.builds(
        lambda one, op, other: tuple(f"({a} {op} {b})" for a, b in zip(one, other, strict=True)),
        numbers,
        st.sampled_from("+-*/"),
        numbers,
    )
    call = st.builds(
        lambda name, one: tuple(f"{name}({a})" for a in one), st.sampled_from(["abs", "sqrt", "-"]), numbers
    )
    where = st.builds(
        lambda *three: tuple(f"where({c}, {a}, {b})" for c, a, b in zip(*three, strict=True)),
        conditions,
        numbers,
        numbers,
    )
    return join | call | where


LITERAL = st.builds(lambda x: (f"{x}", f"f({x})"), st.integers(0, 300) | st.floats(0, 100).map(lambda x: round(x, 3)))
NAME = st.sampled_from(["pt", "kind", "rho", "leading"]).map(lambda name: (name, name))
INDEX = st.sampled_from(["leading", "(leading - 1)", "0", "2"]).map(lambda index: (f"pt[{index}]", f"pts[{index}]"))
LEAF = NAME | LITERAL | INDEX
COMPARISON = st.builds(
    lambda one, op, other: tuple(f"({a} {op} {b})" for a, b in zip(one, other, strict=True)),
    LEAF,
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    LEAF,
)
CONDITION = st.recursive(
    COMPARISON,
    lambda inner: st.builds(
        lambda one, op, other: tuple(f"({a} {op} ~{b})" for a, b in zip(one, other, strict=True)),
        inner,
        st.sampled_from("&|"),
        inner,
    ),
    max_leaves=4,
)
NUMBER = st.recursive(LEAF, lambda inner: pairs(inner, CONDITION), max_leaves=10)


@settings(max_examples=200, deadline=None)
@given(NUMBER)
def test_a_formula_is_computed_as_each_value_by_itself(pair):
    text, oracle = pair
    found = formula.evaluate(f"{text} + 0 * kind", ARRAYS)
    np.testing.assert_array_equal(found.offsets, OFFSETS)
    np.testing.assert_array_equal(found.values, by_hand(f"{oracle} + f(0) * kind"), err_msg=text)


@settings(max_examples=100, deadline=None)
@given(CONDITION)
def test_a_condition_is_true_or_false_for_each_value(pair):
    text, oracle = pair
    found = formula.evaluate(f"{text} & (kind == kind)", ARRAYS)
    assert found.values.dtype == bool
    assert found.values.tolist() == [bool(value) for value in by_hand(oracle)]


@settings(max_examples=300, deadline=None)
@given(st.text(string.ascii_letters + string.digits + "_ .,()[]<>=!&|~*/+-", min_size=1, max_size=40))
def test_any_other_text_is_refused_in_one_sentence(text):
    refused = None
    try:
        assert all(name in text for name in formula.branches(text))
    except JetcalError as error:
        refused = str(error)
    assert refused is None or (text in refused and "\n" not in refused)


@pytest.mark.parametrize("name", ["sqrt", "exp", "log", "sin", "cos", "sinh", "cosh", "abs"])
def test_functions_are_numpys_in_double_precision(name):
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(ARRAYS["pt"].values.astype(np.float64))
    np.testing.assert_array_equal(formula.evaluate(f"{name}(pt)", ARRAYS).values, expected)


def test_angles_are_wrapped_to_half_a_turn_and_stay_where_they_are_within():
    angles = np.array([3.5, -3.5, 3.0, -0.1, 2 * np.pi + 0.25, 7 * np.pi / 2])
    found = formula.evaluate("wrap(x)", {"x": Column(angles)}).values
    np.testing.assert_allclose(found, [3.5 - 2 * np.pi, 2 * np.pi - 3.5, 3.0, -0.1, 0.25, -np.pi / 2], atol=1e-14)
    assert found[2:4].tolist() == [3.0, -0.1]
    found = formula.evaluate("arctan2(y, x)", {"x": Column(np.array([-1.0])), "y": Column(np.array([1.0]))})
    assert found.values.tolist() == [3 * np.pi / 4]


def test_a_name_alone_keeps_its_type_and_its_memory():
    assert formula.evaluate("event", ARRAYS).values is ARRAYS["event"].values


def test_integers_are_compared_exactly():
    assert values("event == 9223372036854775809") == [True, False, False]


def test_one_value_an_entry_goes_with_each_of_a_list():
    assert values("where(good, pt, rho) - pt == 0") == [True] * 5
    assert values("pt * 0 + rho") == [1.5, 1.5, 1.5, -2, -2]


def test_an_index_takes_values_of_the_same_entry_and_0_beyond_its_ends():
    found = formula.evaluate("kind[link]", ARRAYS)
    assert found.values.tolist() == [22, 0, 0, 130, 0, 0]
    np.testing.assert_array_equal(found.offsets, LINKS)
    assert values("kind[leading]") == [22, 0, 0]
    assert values("kind[0]") == [211, 0, 0]
    assert values("(2 * kind)[leading] + rho") == [45.5, 0, -2]


def test_an_index_may_be_computed_and_then_need_not_be_finite():
    assert values("kind[leading - 1]") == [-11, 0, 0]
    assert values("kind[1 / rho]") == [211, 0, 0]


def test_what_has_no_value_is_not_finite_and_gives_no_warning():
    np.testing.assert_array_equal(values("sqrt(rho) + 1 / (rho - rho)"), [np.inf, np.inf, np.nan])


def test_comparisons_may_be_chained():
    assert values("0 < pt <= 30.5") == [True, True, True, False, False]


def test_a_constant_is_one_number():
    found = formula.evaluate("-(1 + 2) * 0.5", {})
    assert (found.values.shape, float(found.values), found.offsets) == ((), -1.5, None)


def test_the_branches_are_the_names_that_are_no_functions():
    assert formula.branches("where(abs(pt[link]) > rho, abs, 2)") == {"pt", "link", "rho", "abs"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pt /", "'pt /' is no formula: invalid syntax"),
        ("(pt", "'(pt' is no formula: '(' was never closed"),
        ("pt ** 2", "'pt ** 2' is none of names, numbers, + - * /"),
        ("power(pt, 2)", "'power(pt, 2)' is none of names"),
        ("pt.real", "'pt.real' is none of names"),
        ("a.sin(pt)", "'a.sin(pt)' is none of names"),
        ("pt[0:1]", "'0:1' is none of names"),
        ("pt > 1 and pt < 2", "'pt > 1 and pt < 2' is none of names"),
        ("'pt'", "''pt'' is none of names"),
        ("True", "'True' is none of"),
        ("1j * pt", "'1j' is none of"),
        ("9" * 30 + " * pt", f"'{'9' * 30}' is none of"),
        ("lambda x=1", "is no formula: "),
        ("(x := 1)", "is none of names"),
        ("[p for p in pt]", "is none of names"),
        ("sqrt(pt, 2)", "'sqrt(pt, 2)' should have 1 values in its parentheses"),
        ("where(pt)", "should have 3 values"),
        ("sqrt(x=pt)", "should have 1 values"),
        ("-" * 60 + "pt", "more than 50 operations stand inside each other"),
        ("(" * 3000 + "pt", "is no formula: "),
        ("", "'' is no formula"),
    ],
)
def test_what_is_no_formula_is_told(text, told):
    with pytest.raises(JetcalError) as caught:
        formula.branches(text)
    sentence = str(caught.value)
    assert told in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nothing + pt", "'nothing + pt': there is no branch nothing"),
        ("pt + link", "'pt + link': lists of different lengths meet; take values of one by an index"),
        ("good & leading", "a number stands where a condition is needed; compare it, as in (x != 0)"),
        ("rho > 1 & leading > 0", "a number stands where a condition is needed"),
        ("~kind", "a number stands where a condition is needed"),
        ("where(leading, 1, 2)", "a number stands where a condition is needed"),
        ("rho[link]", "there is no list to take values from"),
        ("pt[pt > 0]", "a condition is no index"),
    ],
)
def test_what_does_not_fit_the_branches_is_told(text, told):
    with pytest.raises(JetcalError) as caught:
        formula.evaluate(text, ARRAYS)
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"'{text}': ")
