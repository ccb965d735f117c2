"""Other ntuples by formulas: the same jets through two schemas, other units, and a sentence for what does not fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from tests.support import pfnano
from tests.support.calibrations import example
from tests.support.ntuples import TREE, write_ntuple
from tests.support.toys import toy_jets

from jetcal.data import inventory, mapping, ntuples, prepare, shards
from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, TRUTH_COLUMNS, concatenate, falling_order
from jetcal.data.mapping import Piece
from jetcal.errors import JetcalError
from jetcal_api.columns import Columns
from jetcal_api.documents import InventoryInput, PrepareInput
from jetcal_api.results import PrepareResult
from jetcal_api.spec import JetSelection, Split

PFNANO = Columns.model_validate(example("pfnano")["spec"]["dataset"]["columns"])
PRECISION = {"rtol": 1e-6, "atol": 1e-6}
"""Of single precision, in which PFNano keeps the directions of a jet and its candidate, not their difference."""


def read_all(path: Path, tree: str, columns: Columns = ntuples.RECORD, *, truth: bool = True) -> Piece:
    (piece,) = ntuples.read(path, tree, columns=columns, truth=truth)
    return piece


def assert_same_jets(found: Piece, expected: Piece) -> None:
    np.testing.assert_array_equal(found.matched, expected.matched)
    np.testing.assert_array_equal(found.jets.offsets, expected.jets.offsets)
    for name, values in expected.jets.jet.items():
        wanted = np.where(expected.matched, values, 0) if name == "gen_pt" else values
        np.testing.assert_allclose(found.jets.jet[name], wanted, **PRECISION, err_msg=name)
    for name in CONSTITUENT_COLUMNS:
        np.testing.assert_allclose(
            found.jets.constituents[name], expected.jets.constituents[name], **PRECISION, err_msg=name
        )


class TestPFNano:
    @pytest.fixture
    def both(self, tmp_path: Path) -> tuple[Path, Path]:
        jets, event = toy_jets(400), np.arange(400) // 3
        shared = {name: jets.jet[name][3 * event] for name in ("rho", "n_vertices")}
        jets = dataclasses.replace(jets, jet=jets.jet | shared)
        write_ntuple(tmp_path / "record.root", jets, unmatched=0.2, jets_per_event=3, empty_jets=2)
        pfnano.write_pfnano(tmp_path / "pfnano.root", read_all(tmp_path / "record.root", TREE))
        return tmp_path / "record.root", tmp_path / "pfnano.root"

    def test_the_same_jets_are_read_through_both_schemas(self, both: tuple[Path, Path]) -> None:
        record, nano = both
        found, expected = read_all(nano, pfnano.TREE, PFNANO), read_all(record, TREE)
        assert_same_jets(found, expected)
        assert set(found.jets.jet) == set(JET_COLUMNS + TRUTH_COLUMNS)
        assert all(column.dtype == np.float32 for column in found.jets.jet.values())
        assert found.events is not None
        assert expected.events is not None
        for column in ("run", "lumi", "event"):
            np.testing.assert_array_equal(getattr(found.events, column), getattr(expected.events, column))

    def test_events_go_to_the_same_parts(self, both: tuple[Path, Path], tmp_path: Path) -> None:
        found = []
        for path, tree, columns in zip(both, (TREE, pfnano.TREE), (Columns(), PFNANO), strict=True):
            place = str(tmp_path / "s" / path.stem)
            stock = inventory.take(InventoryInput(storage=place, files=[str(path)]))
            document = PrepareInput(
                storage=place,
                sources=stock.sources,
                shards=1,
                tree=tree,
                columns=columns,
                jets=JetSelection(),
                split=Split(),
            )
            prepare.prepare_part(document, 0)
            found.append(prepare.merge(document))
        record, nano = found
        assert isinstance(record, PrepareResult)
        assert (nano.jets, nano.cuts, nano.read) == (record.jets, record.cuts, record.read)
        for part in shards.PARTS:
            one, other = (concatenate(shards.open_part(result, part)) for result in (record, nano))
            np.testing.assert_allclose(other.jet["raw_pt"], one.jet["raw_pt"], **PRECISION)

    def test_pieces_are_the_whole(self, both: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
        _, nano = both
        whole = read_all(nano, pfnano.TREE, PFNANO)
        monkeypatch.setattr(ntuples, "STEP", 20_000)
        pieces = list(ntuples.read(nano, pfnano.TREE, columns=PFNANO))
        assert len(pieces) > 10
        joined = concatenate([piece.jets for piece in pieces])
        np.testing.assert_array_equal(joined.offsets, whole.jets.offsets)
        np.testing.assert_array_equal(joined.constituents["dphi"], whole.jets.constituents["dphi"])

    def test_data_need_no_truth(self, both: tuple[Path, Path], tmp_path: Path) -> None:
        _, nano = both
        with uproot.open(nano) as file:
            branches = file[pfnano.TREE].arrays(how=dict)
        kept = {name: column for name, column in branches.items() if not name.startswith(("GenJet", "nGen", "Jet_gen"))}
        with uproot.recreate(tmp_path / "data.root") as file:
            file.mktree(pfnano.TREE, {name: column.type.content for name, column in kept.items()})
            file[pfnano.TREE].extend(kept)
        data = read_all(tmp_path / "data.root", pfnano.TREE, PFNANO, truth=False)
        simulation = read_all(nano, pfnano.TREE, PFNANO)
        assert data.events is None
        np.testing.assert_array_equal(data.jets.jet["raw_pt"], simulation.jets.jet["raw_pt"])
        with pytest.raises(JetcalError, match=r"no branch GenJet_pt \(for jet.genPt, jet.matched"):
            read_all(tmp_path / "data.root", pfnano.TREE, PFNANO)


def arrays(**changes: object) -> dict[str, ak.Array]:
    """Two events: one with two jets, whose candidates are 0 and 2, and 1; one with a jet that has candidate 0."""
    given = {
        "J_pt": [[50.0, 40.0], [30.0]],
        "J_eta": [[0.5, -1.0], [2.0]],
        "J_i": [[5, 0], [4]],
        "rho": [7.0, 9.0],
        "run": [1, 1],
        "event": [11, 12],
        "C_pt": [[1.0, 2.0, 3.0], [4.0, 5.0]],
        "C_eta": [[0.6, -1.1, 0.4], [2.25, 0.0]],
        "C_id": [[211, 22, -13], [130, 1]],
        "L_jet": [[0, 1, 0, -1, 7], [0]],
        "L_cand": [[0, 1, 2, 1, 2], [0]],
    }
    return {name: ak.Array(value) for name, value in (given | changes).items()}


def columns(jet: dict[str, str] | None = None, constituent: dict[str, str | None] | None = None) -> Columns:
    jets = {"rawPt": "J_pt", "eta": "J_eta", "rawMass": "J_pt / 10", "area": "0.5", "rho": "rho", "nVertices": "20"}
    truth = {
        "standardPt": "J_pt * 1.1",
        "genPt": "J_pt + rho",
        "matched": "J_pt > 35",
        "hadronFlavour": "J_i",
        "partonFlavour": "-21",
        "run": "run",
        "lumi": "1",
        "event": "event",
    }
    constituents = {
        "jet": "L_jet",
        "member": "L_cand >= 0",
        "pt": "C_pt[L_cand]",
        "deta": "C_eta[L_cand] - J_eta[L_jet]",
        "dphi": "rho / 100",
        "mass": "0",
        "id": "C_id[L_cand]",
        "fromPv": "3",
    }
    return Columns.model_validate(
        {"jet": jets | truth | (jet or {}), "constituent": constituents | (constituent or {})}
    )


class TestEvents:
    """Columns of a tree whose entries are events, by hand."""

    @pytest.fixture
    def piece(self) -> Piece:
        return mapping.to_piece(arrays(), columns(), truth=True)

    def test_each_jet_has_the_candidates_that_name_it(self, piece: Piece) -> None:
        assert piece.jets.offsets.tolist() == [0, 2, 3, 4]
        assert piece.jets.constituents["pt"].tolist() == [3, 1, 2, 4]
        assert piece.jets.constituents["id"].tolist() == [-13, 211, 22, 130]
        np.testing.assert_allclose(piece.jets.constituents["deta"], [-0.1, 0.1, -0.1, 0.25], rtol=1e-6)

    def test_values_of_the_event_go_to_its_jets_and_candidates_and_numbers_to_all(self, piece: Piece) -> None:
        assert piece.jets.jet["rho"].tolist() == [7, 7, 9]
        np.testing.assert_allclose(piece.jets.constituents["dphi"], [0.07, 0.07, 0.07, 0.09], rtol=1e-6)
        assert piece.jets.jet["area"].tolist() == [0.5] * 3
        assert piece.jets.constituents["from_pv"].tolist() == [3] * 4
        assert piece.jets.jet["gen_pt"].tolist() == [57, 47, 39]

    def test_truth_and_event_are_those_of_the_jet(self, piece: Piece) -> None:
        assert piece.matched.tolist() == [True, True, False]
        assert piece.jets.jet["flavour"].tolist() == [5, 21, 4]
        assert piece.events is not None
        assert piece.events.event.tolist() == [11, 11, 12]
        assert (piece.events.event.dtype, piece.events.run.dtype) == (np.uint64, np.int64)

    def test_events_without_jets_or_candidates_have_none(self) -> None:
        lists = {name: ak.Array([[], array[1].tolist()]) for name, array in arrays().items() if array.ndim == 2}
        piece = mapping.to_piece(arrays(**lists), columns(), truth=True)
        assert piece.jets.jet["raw_pt"].tolist() == [30]
        assert piece.jets.offsets.tolist() == [0, 1]

    @pytest.mark.parametrize(
        "kind", [np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64, np.float32, np.float64]
    )
    def test_all_types_of_numbers_are_converted(self, kind: type) -> None:
        given = {
            name: ak.values_astype(array, kind) for name, array in arrays().items() if name not in {"L_jet", "C_id"}
        }
        piece = mapping.to_piece(arrays(**given), columns(), truth=True)
        assert piece.jets.jet["raw_pt"].tolist() == [50, 40, 30]
        assert piece.events is not None
        assert piece.events.event.tolist() == [11, 11, 12]
        assert all(
            column.dtype == np.float32 for column in [*piece.jets.jet.values(), *piece.jets.constituents.values()]
        )

    def test_a_boolean_branch_is_a_condition(self) -> None:
        given = arrays(J_match=[[True, False], [True]])
        assert mapping.to_piece(given, columns({"matched": "J_match"}), truth=True).matched.tolist() == [
            True,
            False,
            True,
        ]

    def test_values_too_large_for_single_precision_count_as_not_finite(self) -> None:
        piece = mapping.to_piece(arrays(), columns({}, {"pt": "C_pt[L_cand] * exp(100)"}), truth=True)
        assert piece.dropped.tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("jet", "constituent", "told"),
    [
        ({"rawPt": "J_pt +"}, {}, "spec.dataset.columns.jet.rawPt: 'J_pt +' is no formula: invalid syntax"),
        ({"rawPt": "rho"}, {}, "jet.rawPt: it is no list of jets; leave constituent.jet out where an entry is a jet"),
        (
            {},
            {"jet": None},
            "jet.rawPt: it is a list of jets; constituent.jet must tell which jet a candidate belongs to",
        ),
        ({"eta": "C_eta"}, {}, "jet.eta: 'C_eta': lists of different lengths meet; take values of one by an index"),
        ({}, {"mass": "C_pt"}, "constituent.mass: 'C_pt': lists of different lengths meet"),
        (
            {},
            {"deta": "C_eta[L_cand] - J_eta"},
            "constituent.deta: 'C_eta[L_cand] - J_eta': lists of different lengths meet",
        ),
        ({}, {"pt": "rho"}, "constituent.pt: it is one number an entry, not a list of candidates"),
        ({"matched": "J_i"}, {}, "jet.matched: 'J_i' is a number, not a condition; compare it, as in (x == 1)"),
        ({}, {"member": "L_jet"}, "constituent.member: 'L_jet' is a number, not a condition"),
        ({"rho": "words"}, {}, "branch words holds string; a formula needs numbers or lists of numbers"),
        ({"rho": "deep"}, {}, "branch deep holds var * var * int64; a formula needs numbers"),
    ],
)
def test_what_does_not_fit_is_told_with_its_column(
    jet: dict[str, str], constituent: dict[str, str | None], told: str
) -> None:
    given = arrays(words=["a", "b"], deep=[[[1]], [[2]]])
    mapped = columns(jet, constituent)
    with pytest.raises(JetcalError) as caught:
        mapping.to_piece({name: given[name] for name in mapping.needed(mapped, truth=True)}, mapped, truth=True)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_truth_the_columns_of_truth_need_no_branch() -> None:
    wanted = mapping.needed(ntuples.RECORD, truth=False)
    assert not {"genJetPt", "jetGenMatch", "jetPt", "hadronFlav", "partonFlav", "run", "lumi", "event"} & set(wanted)
    assert {"jetRawPt", "rhoAll", "PF_pT", "PF_fromAK4Jet"} <= set(wanted)
    assert mapping.needed(PFNANO, truth=True)["Jet_pt"] == ["jet.rawPt", "jet.standardPt"]


def test_the_documentation_shows_the_formulas_of_both_schemas() -> None:
    page = (Path(__file__).parents[2] / "docs/data.md").read_text()
    for name, text in [*mapping.formulas(Columns()).items(), *mapping.formulas(PFNANO).items()]:
        assert f"`{text}`" in page or text in {"run", "lumi", "event"} or "pvAssocQuality" in text, name


def test_constituents_fall_in_pt_within_their_jets_and_equal_ones_stay_in_their_order() -> None:
    random = np.random.default_rng(3)
    jet_of = random.integers(0, 40, 3000)
    pt = np.round(random.exponential(2, 3000), 1).astype(np.float32) + np.float32(1e-30)
    np.testing.assert_array_equal(falling_order(jet_of, pt), np.lexsort((-pt, jet_of)))
