"""Ntuples of the record become jets: constituents only, sorted, and a sentence for each damaged file."""

from __future__ import annotations

import re
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from tests.support.ntuples import TREE, write_ntuple

from jetcal.data import mapping, ntuples
from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, TRUTH_COLUMNS, Jets, concatenate
from jetcal.errors import JetcalError


def read(path: Path, tree: str = TREE) -> mapping.Piece:
    (piece,) = ntuples.read(path, tree)
    return piece


def assert_same(found: Jets, expected: Jets) -> None:
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    for name in CONSTITUENT_COLUMNS:
        np.testing.assert_array_equal(found.constituents[name], expected.constituents[name], err_msg=name)
    for name in JET_COLUMNS:
        np.testing.assert_array_equal(found.jet[name], expected.jet[name], err_msg=name)


def test_only_constituents_are_kept_and_fall_in_pt(tmp_path: Path) -> None:
    expected = write_ntuple(tmp_path / "a.root", 300, neighbours=8, unmatched=0)
    piece = read(tmp_path / "a.root")
    assert_same(piece.jets, expected)
    for name in TRUTH_COLUMNS:
        np.testing.assert_array_equal(piece.jets.jet[name], expected.jet[name], err_msg=name)
    assert piece.matched.all()
    assert set(piece.jets.jet) == set(JET_COLUMNS + TRUTH_COLUMNS)
    assert all(column.dtype == np.float32 for column in [*piece.jets.jet.values(), *piece.jets.constituents.values()])


def test_pt_is_the_raw_one_and_the_standard_correction_stands_beside_it(tmp_path: Path) -> None:
    write_ntuple(tmp_path / "a.root", 50)
    jet = read(tmp_path / "a.root").jets.jet
    with uproot.open(tmp_path / "a.root") as file:
        np.testing.assert_array_equal(jet["raw_pt"], file[TREE]["jetRawPt"].array(library="np"))
        np.testing.assert_array_equal(jet["standard_pt"], file[TREE]["jetPt"].array(library="np"))


def test_unmatched_jets_are_marked(tmp_path: Path) -> None:
    write_ntuple(tmp_path / "a.root", 200, unmatched=0.3)
    piece = read(tmp_path / "a.root")
    assert 0 < np.count_nonzero(~piece.matched) < 200
    assert (piece.jets.jet["gen_pt"][~piece.matched] == 0).all()


def test_events_are_read_without_loss(tmp_path: Path) -> None:
    first = 2**60 + 1
    write_ntuple(tmp_path / "a.root", 10, jets_per_event=2, first_event=first)
    events = read(tmp_path / "a.root").events
    assert events is not None
    assert events.event.tolist() == [first + index // 2 for index in range(10)]


def test_the_highest_cycle_counts(tmp_path: Path) -> None:
    expected = write_ntuple(tmp_path / "a.root", 100, cycles=3)
    with uproot.open(tmp_path / "a.root") as file:
        assert len([key for key in file.keys() if "jetTree" in key]) == 3  # noqa: SIM118  # uproot's keys carry cycles
    assert_same(read(tmp_path / "a.root").jets, expected)


def test_pieces_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = write_ntuple(tmp_path / "a.root", 1000, baskets=4)
    monkeypatch.setattr(ntuples, "STEP", 100_000)
    pieces = [piece.jets for piece in ntuples.read(tmp_path / "a.root", TREE)]
    assert len(pieces) > 4
    assert_same(concatenate(pieces), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
def test_constituents_without_a_usable_pt_are_left_out_and_counted(tmp_path: Path, value: float) -> None:
    expected = write_ntuple(tmp_path / "a.root", 20, unmatched=0, overwrite={"PF_pT": value})
    piece = read(tmp_path / "a.root")
    assert piece.dropped.tolist() == [1] + [0] * 19
    assert len(piece.jets.constituents["pt"]) == len(expected.constituents["pt"]) - 1
    assert (piece.jets.constituents["pt"] > 0).all()


def test_a_constituent_with_another_value_not_finite_is_left_out(tmp_path: Path) -> None:
    write_ntuple(tmp_path / "a.root", 20, unmatched=0, overwrite={"PF_mass": np.nan})
    assert read(tmp_path / "a.root").dropped.sum() == 1


def test_jets_keep_their_hardest_thousand(tmp_path: Path) -> None:
    write_ntuple(tmp_path / "a.root", 10, huge_jets=1, huge=1500)
    piece = read(tmp_path / "a.root")
    assert piece.truncated.tolist() == [False] * 9 + [True]
    assert np.diff(piece.jets.offsets)[-1] == 1000
    with uproot.open(tmp_path / "a.root") as file:
        tree = file[TREE]
        inside = tree["PF_fromAK4Jet"].array()[-1] == 1
        hardest = ak.sort(tree["PF_pT"].array()[-1][inside], ascending=False)[:1000]
    np.testing.assert_array_equal(piece.jets.constituents["pt"][-1000:], hardest)


def test_a_jet_without_constituents_stays_one(tmp_path: Path) -> None:
    write_ntuple(tmp_path / "a.root", 10, empty_jets=3)
    assert np.diff(read(tmp_path / "a.root").jets.offsets)[:4].tolist()[:3] == [0, 0, 0]


def test_without_truth_the_generator_branches_may_be_missing(tmp_path: Path) -> None:
    expected = write_ntuple(tmp_path / "a.root", 30, without=("genJetPt", "jetGenMatch", "jetPt", "event"))
    (piece,) = ntuples.read(tmp_path / "a.root", TREE, truth=False)
    assert_same(piece.jets, expected)
    assert piece.events is None


def test_flavour_is_the_hadron_s_else_the_parton_s() -> None:
    assert mapping.flavour(np.array([5, 4, 0, 0, 0]), np.array([21, 1, -3, 21, 0])).tolist() == [5, 4, 3, 21, 0]


def fails(path: Path, tree: str = TREE) -> str:
    with pytest.raises(JetcalError) as caught:
        list(ntuples.read(path, tree))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_named(tmp_path: Path, share: float) -> None:
    write_ntuple(tmp_path / "a.root", 500, truncate=share)
    assert re.match(rf"{tmp_path}/a.root: (cannot be read as ROOT|is truncated)", fails(tmp_path / "a.root"))


def test_a_damaged_basket_is_named(tmp_path: Path) -> None:
    write_ntuple(tmp_path / "a.root", 500)
    content = bytearray((tmp_path / "a.root").read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    (tmp_path / "a.root").write_bytes(content)
    assert "truncated or damaged" in fails(tmp_path / "a.root")


def test_another_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.root").write_text("<html>not found</html>")
    assert "cannot be read as ROOT" in fails(tmp_path / "a.root")


def test_a_missing_tree_lists_those_there(tmp_path: Path) -> None:
    write_ntuple(tmp_path / "a.root", 20, tree="AK8jets/fatTree", cycles=2)
    assert fails(tmp_path / "a.root") == (
        f"{tmp_path}/a.root: no tree 'AK4jets/jetTree'; it has AK8jets/fatTree; mend spec.dataset.tree"
    )


def test_a_file_without_any_tree_says_so(tmp_path: Path) -> None:
    uproot.recreate(tmp_path / "a.root").close()
    assert "it has no tree at all" in fails(tmp_path / "a.root")


def test_a_folder_in_place_of_the_tree_is_told(tmp_path: Path) -> None:
    write_ntuple(tmp_path / "a.root", 20)
    assert "'AK4jets' is a TDirectory, not a tree" in fails(tmp_path / "a.root", "AK4jets")


@pytest.mark.parametrize(
    ("branches", "told"),
    [
        (("jetArea",), "jetArea (for jet.area; there is jetEta); name yours in spec.dataset.columns, see docs/data.md"),
        (("PF_fromPV", "rhoAll"), "PF_fromPV (for constituent.fromPv), rhoAll (for jet.rho); "),
        (("jetRawPt",), "jetRawPt (for jet.rawPt; there is jetPt); "),
    ],
)
def test_missing_branches_are_named_with_their_columns_and_what_is_near(
    tmp_path: Path, branches: tuple[str, ...], told: str
) -> None:
    write_ntuple(tmp_path / "a.root", 20, without=branches)
    assert f"tree 'AK4jets/jetTree' has no branch {told}" in fails(tmp_path / "a.root")


def test_of_many_missing_branches_some_are_named_and_the_others_counted(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        file["Events"] = {"x": np.zeros(3)}
    assert re.search(
        r"has no branch PF_dEta \(.*\), PF_dPhi .* and 17 more; name yours", fails(tmp_path / "a.root", "Events")
    )
