"""Which branches of a tree stay beside its corrected jets."""

from __future__ import annotations

from typing import Any

import awkward as ak
import uproot

from jetcal.data import formula
from jetcal_api.columns import Columns


def kept(tree: Any, columns: Columns) -> list[str]:
    """Branches with one number an entry and, where an entry is an event, the lists of its jets, in the tree's order.

    Lists are of jets if they share the counter of those that the raw pT is computed from, as all ``Jet_*`` of NanoAOD
    share ``nJet``. Lists without a counter, such as those of an RNTuple, are not kept.

    Parameters
    ----------
    tree
        As uproot opens a TTree or an RNTuple, with all branches of the formulas.
    columns
        How the tree names what a jet needs.
    """
    if not isinstance(tree, uproot.TTree):
        nothing = tree.arrays(entry_stop=0)
        return [name for name in nothing.fields if isinstance(nothing[name].type.content, ak.types.NumpyType)]
    counter = None if columns.constituent.jet is None else _counter_of_jets(tree, columns)
    return [
        name
        for name, branch in tree.items()
        if _is_number(branch.interpretation)
        or (counter is not None and _counter(branch) == counter and _is_number(branch.interpretation.content))
    ]


def _counter_of_jets(tree: Any, columns: Columns) -> str | None:
    used = [tree[name] for name in formula.branches(columns.jet.raw_pt)]
    counters = {_counter(branch) for branch in used if _is_list(branch)}
    return counters.pop() if len(counters) == 1 else None


def _counter(branch: Any) -> str | None:
    leaf = branch.count_leaf if _is_list(branch) else None
    return None if leaf is None else str(leaf.member("fName"))


def _is_list(branch: Any) -> bool:
    return isinstance(branch.interpretation, uproot.AsJagged)


def _is_number(interpretation: Any) -> bool:
    if not isinstance(interpretation, uproot.AsDtype):
        return False
    stored = interpretation.to_dtype
    return stored.shape == () and stored.kind in "biuf"
