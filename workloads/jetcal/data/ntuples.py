"""Reading ntuples in pieces, by default in the schema of the CERN Open Data record 12100."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uproot

from jetcal.data import branches, mapping
from jetcal.data.mapping import Piece
from jetcal.errors import JetcalError
from jetcal_api.columns import Columns

RECORD = Columns()
"""The schema of the record (doi 10.7483/OPENDATA.CMS.RY2V.T797): an entry is a jet, ``PF_*`` are candidates near it."""

STEP = 32_000_000
"""Uncompressed bytes of the branches that are in memory at once."""
MAX_TOLD = 4
"""Missing branches that a message names."""


def read(
    path: Path,
    tree: str,
    *,
    columns: Columns = RECORD,
    truth: bool = True,
    keep: bool = False,
    name: str | None = None,
) -> Iterator[Piece]:
    """Every jet of a file, piece by piece, in the order of the tree's highest cycle.

    Parameters
    ----------
    path
        A local ROOT file.
    tree
        Path of the tree in the file.
    columns
        How the tree names what a jet needs.
    truth
        Whether to read generator jet, flavour, standard correction and event too.
    keep
        Whether to carry along all branches with one number an entry and, where an entry is an event, lists of its jets.
    name
        What messages call the file; the path by default.

    Raises
    ------
    JetcalError
        If the file is damaged, or lacks the tree or a branch, or a formula does not fit its branches.
    """
    called = name or str(path)
    needed = mapping.needed(columns, truth=truth)
    for arrays, kept in _arrays(path, tree, needed, columns if keep else None, called):
        yield _piece(arrays, columns, truth=truth, kept=kept, called=called)


def _arrays(
    path: Path, tree: str, needed: Mapping[str, Sequence[str]], keep: Columns | None, called: str
) -> Iterator[tuple[dict[str, Any], list[str]]]:
    with _readable(called), _open(path) as file:
        _check_whole(file, path, called)
        opened = _find_tree(file, tree, called)
        _check_branches(opened.keys(), needed, f"{called}: tree '{tree}'")
        kept = branches.kept(opened, keep) if keep else []
        wanted = list(dict.fromkeys([*needed, *kept]))
        for arrays in opened.iterate(wanted, step_size=_step(opened, wanted), library="ak", how=dict):
            yield arrays, kept


def _step(tree: Any, wanted: Sequence[str]) -> int | str:
    """Entries of a piece; of a TTree by its own account, for uproot would look up each basket of the file first."""
    if not isinstance(tree, uproot.TTree):
        return f"{STEP} B"
    size = sum(int(tree[name].uncompressed_bytes) for name in wanted)
    return max(1, STEP * int(tree.num_entries) // max(size, 1))


def _piece(arrays: Mapping[str, Any], columns: Columns, *, truth: bool, kept: Sequence[str], called: str) -> Piece:
    try:
        return mapping.to_piece(arrays, columns, truth=truth, kept=kept)
    except JetcalError as error:
        sentence = f"{called}: {error}"
        raise JetcalError(sentence) from error


def _check_branches(there: Sequence[str], needed: Mapping[str, Sequence[str]], called: str) -> None:
    missing = sorted(set(needed) - set(there))
    if not missing:
        return
    told = [f"{branch} (for {', '.join(needed[branch])}{_near(branch, there)})" for branch in missing[:MAX_TOLD]]
    more = f" and {len(missing) - MAX_TOLD} more" if len(missing) > MAX_TOLD else ""
    error = f"{called} has no branch {', '.join(told)}{more}; name yours in spec.dataset.columns, see docs/data.md"
    raise JetcalError(error)


def _near(branch: str, there: Sequence[str]) -> str:
    names = {name.lower(): name for name in there}
    near = difflib.get_close_matches(branch.lower(), names, n=2, cutoff=0.75)
    return f"; there is {' and '.join(names[name] for name in near)}" if near else ""


def _open(path: Path) -> Any:
    return uproot.open(
        path,
        handler=uproot.MultithreadedFileSource,
        use_threads=False,  # a basket read costs less than handing it to a thread
        array_cache=None,
        object_cache=None,
    )


def _check_whole(file: Any, path: Path, called: str) -> None:
    size, recorded = path.stat().st_size, file.file.fEND
    if size < recorded:
        sentence = f"{called}: is truncated, it has {size} of {recorded} bytes; fetch or make it again"
        raise JetcalError(sentence)


def _find_tree(file: Any, tree: str, called: str) -> Any:
    try:
        found = file[tree]
    except uproot.KeyInFileError as error:
        trees = file.keys(recursive=True, cycle=False, filter_classname="TTree")
        known = f"it has {', '.join(sorted(set(trees)))}" if trees else "it has no tree at all"
        sentence = f"{called}: no tree '{tree}'; {known}; mend spec.dataset.tree"
        raise JetcalError(sentence) from error
    if not hasattr(found, "iterate"):
        sentence = f"{called}: '{tree}' is a {file.classname_of(tree)}, not a tree; mend spec.dataset.tree"
        raise JetcalError(sentence)
    return found


@contextmanager
def _readable(called: str) -> Iterator[None]:
    try:
        yield
    except (JetcalError, MemoryError):
        raise
    except Exception as error:  # uproot passes on whatever its decompressors raise
        reason = (str(error).strip().splitlines() or [""])[0].strip() or type(error).__name__
        sentence = f"{called}: cannot be read as ROOT, it is truncated or damaged ({reason}); fetch or make it again"
        raise JetcalError(sentence) from error
