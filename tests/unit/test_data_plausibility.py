"""Wrong units and mixed-up branches are told in one sentence; odd but possible jets raise no alarm."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from tests.support.ntuples import TREE, write_ntuple
from tests.support.toys import toy_jets

from jetcal.data import inventory, mapping, ntuples, plausibility, prepare
from jetcal.data.jets import Jets, take
from jetcal.data.mapping import Piece
from jetcal.errors import JetcalError
from jetcal_api.columns import Columns
from jetcal_api.documents import InventoryInput, PrepareInput
from jetcal_api.spec import JetSelection, Split

FORMULAS = mapping.formulas(Columns())
MOMENTA = ("raw_pt", "raw_mass", "rho", "gen_pt", "standard_pt")


def changed(jets: Jets, **columns) -> Jets:
    """Jets with some columns replaced, or multiplied where a number is given; of constituents with ``pf_`` before."""
    jet, constituents = dict(jets.jet), dict(jets.constituents)
    for name, value in columns.items():
        place, key = (constituents, name[3:]) if name.startswith("pf_") else (jet, name)
        new = place[key] * value if isinstance(value, float) else value
        place[key] = np.broadcast_to(new, place[key].shape).astype(np.float32)
    return dataclasses.replace(jets, jet=jet, constituents=constituents)


def in_mev(jets: Jets) -> Jets:
    return changed(jets, **dict.fromkeys((*MOMENTA, "pf_pt", "pf_mass"), 1000.0))


def piece_of(jets: Jets) -> Piece:
    count = len(jets)
    return Piece(jets, np.ones(count, bool), None, np.zeros(count, int), np.zeros(count, bool), np.arange(count + 1))


def told(jets: Jets, columns: Columns = ntuples.RECORD) -> str:
    with pytest.raises(JetcalError) as caught:
        plausibility.Watch(columns).see(piece_of(jets), "/a.root")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_everything_in_mev_is_told_with_the_remedy_and_the_other_columns() -> None:
    assert told(changed(in_mev(toy_jets(300)), raw_pt=np.float32(61234))) == (
        "/a.root: spec.dataset.columns.jet.rawPt ('jetRawPt') has a median of 6.123e+04, but 3 to 7000 GeV is "
        "expected: if it is MeV, write jetRawPt / 1000; see to jet.standardPt, jet.genPt, jet.rawMass, jet.rho, "
        "constituent.pt, constituent.mass too"
    )


def test_the_remedy_goes_around_a_formula() -> None:
    columns = Columns.model_validate({"jet": {"rawPt": "jetPt - jetOffset"}})
    assert "write (jetPt - jetOffset) / 1000;" in told(in_mev(toy_jets(300)), columns)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"raw_pt": 1e-3}, r"jet.rawPt .* median of 0.\d+, but 3 to 7000 GeV .* if it is TeV, write jetRawPt \* 1000"),
        ({"gen_pt": 1000.0}, r"jet.genPt .* if it is MeV, write genJetPt / 1000"),
        ({"standard_pt": 20.0}, "jet.standardPt .* but 0.2 to 5 of jet.rawPt is expected: it may be another branch"),
        ({"raw_mass": 1000.0}, "jet.rawMass .* if it is MeV, write jetRawMass / 1000"),
        ({"raw_mass": 10.0}, "jet.rawMass .* median of 1.5, but 0.003 to 1 of jet.rawPt .* it may be another branch"),
        ({"rho": 1000.0}, "jet.rho .* but 0 to 500 GeV is expected: if it is MeV, write rhoAll / 1000"),
        ({"area": 100.0}, "jet.area .* but 0 to 10 in eta and phi is expected: it may be another branch"),
        ({"n_vertices": 1e3}, "jet.nVertices .* but 0 to 500 vertices is expected: it may be another branch"),
        ({"eta": 40.0}, "jet.eta .* is beyond 6 for 9.% of the jets, .* give pseudorapidity"),
        ({"pf_pt": 1000.0}, r"constituent.pt .* if it is MeV, write PF_pT / 1000"),
        (
            {"pf_pt": 1e-3},
            r"constituent.pt .* adds up to 0.001 of the jets' raw pT .* if it is TeV, write PF_pT \* 1000",
        ),
        ({"pf_pt": 0.1}, "constituent.member .* constituents with 0.1 of the jets' raw pT .* it leaves some out"),
        (
            {"pf_pt": 8.0},
            "constituent.member .* constituents with 8 of the jets' raw pT .* it takes those of other jets",
        ),
        ({"pf_mass": 1000.0}, "constituent.mass .* if it is MeV, write PF_mass / 1000"),
        ({"pf_deta": 12.0}, "constituent.deta .* the area speaks of a radius of 0.4: subtract eta and phi of the jet"),
        ({"pf_id": 1}, "constituent.id .* is no PDG number of a candidate for 100% of them, .* where"),
        ({"pf_from_pv": 7}, "constituent.fromPv .* is none of 0, 1, 2 and 3 for 100% of the candidates"),
        ({"pf_from_pv": 0.5}, "constituent.fromPv .* is none of 0, 1, 2 and 3"),
    ],
)
def test_what_cannot_be_is_told(change: dict, sentence: str) -> None:
    assert re.search(sentence, told(changed(toy_jets(400), **change)))


def test_angles_that_are_not_wrapped_are_told() -> None:
    jets = toy_jets(400)
    phi = np.random.default_rng(1).uniform(-np.pi, np.pi, len(jets)).astype(np.float32)
    axis = np.repeat(phi, np.diff(jets.offsets))
    raw = (axis + jets.constituents["dphi"] + np.pi) % (2 * np.pi) - np.pi - axis
    assert 0.005 < np.mean(np.abs(raw) > np.pi) < 0.1
    assert "beyond pi for" in told(changed(jets, pf_dphi=raw))
    assert "write wrap(PF_dPhi)" in told(changed(jets, pf_dphi=raw))


def test_jets_without_constituents_are_told() -> None:
    jets = toy_jets(400)
    bare = dataclasses.replace(
        jets,
        constituents={name: values[:0] for name, values in jets.constituents.items()},
        offsets=np.zeros_like(jets.offsets),
    )
    assert "constituent.member ('PF_fromAK4Jet == 1') leaves 100% of the jets without a constituent" in told(bare)


@pytest.mark.parametrize(
    "jets",
    [
        toy_jets(2000),
        toy_jets(60),
        changed(toy_jets(400), raw_pt=0.1, gen_pt=0.1, standard_pt=0.1, raw_mass=0.1, pf_pt=0.1),
        changed(toy_jets(400), raw_pt=8.0, gen_pt=8.0, standard_pt=8.0, raw_mass=8.0, pf_pt=8.0),
        changed(toy_jets(400), eta=np.float32(4.2), pf_id=1, pf_from_pv=0),
        changed(toy_jets(400), area=0.0, rho=0.0, n_vertices=1, pf_mass=0.0, raw_mass=0.0),
        changed(toy_jets(400), area=4.0, pf_deta=2.0, pf_dphi=2.0),
        changed(toy_jets(400), pf_pt=2.5),
        changed(toy_jets(400), gen_pt=0.0, standard_pt=np.nan),
    ],
    ids=["ordinary", "few", "soft", "boosted", "forward", "no pile-up", "wide", "without weights", "no truth"],
)
def test_odd_but_possible_jets_raise_no_alarm(jets: Jets) -> None:
    assert list(plausibility.doubts(jets, FORMULAS)) == []


def test_some_broken_jets_raise_no_alarm() -> None:
    jets = toy_jets(400)
    for name in jets.jet:
        column = jets.jet[name].copy()
        column[:20] = [np.nan, np.inf, 1e9, -999] * 5
        jets = changed(jets, **{name: column})
    plausibility.Watch(ntuples.RECORD).see(piece_of(jets), "/a.root")


def test_few_jets_wait_for_those_of_the_next_pieces_and_files() -> None:
    watch, jets = plausibility.Watch(ntuples.RECORD), in_mev(toy_jets(60))
    watch.see(piece_of(take(jets, np.arange(0))), "/a.root")
    watch.see(piece_of(take(jets, np.arange(40))), "/b.root")
    with pytest.raises(JetcalError, match=r"^/c.root: .*jet.rawPt"):
        watch.see(piece_of(take(jets, np.arange(40, 60))), "/c.root")


def test_every_file_is_looked_at() -> None:
    watch = plausibility.Watch(ntuples.RECORD)
    watch.see(piece_of(toy_jets(100)), "/a.root")
    with pytest.raises(JetcalError, match=r"^/b.root: "):
        watch.see(piece_of(in_mev(toy_jets(100))), "/b.root")


class TestMeV:
    COLUMNS = Columns.model_validate(
        {
            "jet": {
                "rawPt": "jetRawPt / 1000",
                "rawMass": "jetRawMass / 1000",
                "rho": "rhoAll / 1000",
                "genPt": "genJetPt / 1000",
                "standardPt": "jetPt / 1000",
            },
            "constituent": {"pt": "PF_pT / 1000", "mass": "PF_mass / 1000"},
        }
    )

    @staticmethod
    def document(folder: Path, columns: Columns) -> PrepareInput:
        found = inventory.take(InventoryInput(storage=f"{folder}/s", files=[f"{folder}/*.root"]))
        return PrepareInput(
            storage=f"{folder}/s",
            sources=found.sources,
            shards=1,
            tree=TREE,
            columns=columns,
            jets=JetSelection(),
            split=Split(),
        )

    def test_a_division_makes_gev_of_it(self, tmp_path: Path) -> None:
        expected = write_ntuple(tmp_path / "gev.root", 200, unmatched=0)
        write_ntuple(tmp_path / "mev.root", in_mev(expected), unmatched=0)
        (found,) = ntuples.read(tmp_path / "mev.root", TREE, columns=self.COLUMNS)
        for name, values in expected.jet.items():
            np.testing.assert_allclose(found.jets.jet[name], values, rtol=2e-7, err_msg=name)
        for name, values in expected.constituents.items():
            np.testing.assert_allclose(found.jets.constituents[name], values, rtol=2e-7, err_msg=name)

    def test_preparing_it_as_gev_is_refused_and_leaves_no_part(self, tmp_path: Path) -> None:
        write_ntuple(tmp_path / "mev.root", in_mev(toy_jets(200)))
        document = self.document(tmp_path, Columns())
        with pytest.raises(JetcalError, match=rf"^{tmp_path}/mev.root: .*if it is MeV, write jetRawPt / 1000"):
            prepare.prepare_part(document, 0)
        assert prepare.find_part(document, 0) is None
        assert prepare.prepare_part(self.document(tmp_path, self.COLUMNS), 0).read == 200
