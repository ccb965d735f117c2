"""Other ntuples by formulas: the same jets through two schemas, other units, and a sentence for what does not fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import uproot
from tests.support import pfnano
from tests.support.calibrations import example
from tests.support.ntuples import TREE, write_ntuple
from tests.support.toys import toy_jets

from jetcal.data import inventory, ntuples, prepare, shards
from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, TRUTH_COLUMNS, concatenate
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
        monkeypatch.setattr(ntuples, "STEP", 10)
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
