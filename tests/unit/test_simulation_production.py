"""A few hundred real jets: Pythia, pile-up, detector, clustering, entries of the tree."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import uproot

from jetcal.errors import JetcalError
from jetcal.simulation import VARIATION_NAMES
from jetcal.simulation.minbias import generate_chunk
from jetcal.simulation.ntuple import TREE, Writer, concatenate
from jetcal.simulation.production import Stopwatch, generate_jets
from jetcal.simulation.settings import Settings
from jetcal.simulation.simulate import manifest
from jetcal.simulation.variations import VARIATIONS

JETS = 800
SETTINGS = Settings(jets=2 * JETS, files=2, seed=11, pool_size=200)


@pytest.fixture(scope="module")
def pool():
    return generate_chunk(SETTINGS, 0)


@pytest.fixture(scope="module")
def table(pool):
    return concatenate(list(generate_jets(SETTINGS, 1, pool, Stopwatch())))


@pytest.fixture(scope="module")
def jets(table):
    return table.columns


@pytest.fixture(scope="module")
def candidates(table):
    """Flat columns of all listed candidates, and the jet of each."""
    offsets, columns = table.lists["PF"]
    return {**columns, "jet": np.repeat(np.arange(len(table)), np.diff(offsets))}


@pytest.fixture(scope="module")
def members(candidates):
    inside = candidates["fromAK4Jet"] == 1
    return {name: column[inside] for name, column in candidates.items()}


def response(jets, name, low, high):
    inside = (jets["genJetPt"] > low) & (jets["genJetPt"] < high)
    return jets[name][inside] / jets["genJetPt"][inside]


def test_a_file_holds_just_the_jets_asked_for(jets):
    assert len(jets["jetPt"]) == JETS
    assert (jets["jetPt"] > SETTINGS.min_pt).all()
    assert (np.abs(jets["jetEta"]) < 2.5).all()


def test_unmatched_jets_have_no_truth(jets):
    matched = jets["jetGenMatch"] == 1
    assert 0.8 < matched.mean() < 1
    assert (jets["genJetPt"][matched] > 8).all()
    assert (jets["genJetPt"][~matched] == 0).all()


def test_numbers_name_each_event_once(jets):
    assert set(jets["run"]) == {SETTINGS.seed}
    assert set(jets["lumi"]) == {2}
    sizes = Counter(jets["event"].tolist())
    last = jets["event"][-1]
    for event, multiplicity, order in zip(jets["event"], jets["eventJetMult"], jets["jetPtOrder"], strict=True):
        assert event == last or sizes[event] == multiplicity
        assert order < multiplicity
    same = np.diff(jets["event"]) == 0
    assert (np.diff(jets["jetPt"])[same] <= 0).all()


def test_spectrum_covers_the_range_of_interest(jets):
    shares = np.histogram(jets["genJetPt"], [30, 100, 300, 1000])[0] / JETS
    assert (shares > 0.05).all()
    assert (jets["eventWeight"] > 0).all()


def test_the_uncorrected_jet_is_the_sum_of_its_constituents(jets, members):
    phi = jets["jetPhi"][members["jet"]] + members["dPhi"]
    px = np.bincount(members["jet"], members["pT"] * np.cos(phi), JETS)
    py = np.bincount(members["jet"], members["pT"] * np.sin(phi), JETS)
    np.testing.assert_allclose(np.hypot(px, py), jets["jetRawPt"], rtol=1e-6)
    assert (np.bincount(members["jet"], minlength=JETS) == jets["jetMult"]).all()


def test_neighbours_within_the_window_are_listed_too(candidates):
    assert (np.abs(candidates["dEta"]) < 1).all()
    assert (np.abs(candidates["dPhi"]) < 1).all()
    assert 0.4 < np.mean(candidates["fromAK4Jet"] == 0) < 0.95
    np.testing.assert_allclose(candidates["dTheta"], np.arctan2(candidates["dPhi"], candidates["dEta"]))
    np.testing.assert_allclose(candidates["dR"], np.hypot(candidates["dPhi"], candidates["dEta"]))


def test_charged_hadron_subtraction_keeps_other_vertices_out_of_jets_but_not_out_of_the_list(candidates, members):
    assert set(candidates["fromPV"]) == {0, 1, 2, 3}
    assert 0 not in set(members["fromPV"])
    neutral = np.isin(candidates["id"], (22, 130))
    assert set(candidates["fromPV"][neutral]) == {2}


def test_all_five_types_occur(candidates):
    assert set(np.abs(candidates["id"])) == {211, 11, 13, 22, 130}


def test_candidates_are_in_packing_order(candidates):
    charged = ~np.isin(candidates["id"], (22, 130))
    same = np.diff(candidates["jet"]) == 0
    assert not (~charged[:-1] & charged[1:] & same).any()
    assert (np.diff(candidates["pT"])[same] > 0).mean() > 0.3


def test_composition_is_that_of_particle_flow_jets(jets, members):
    hard = (jets["genJetPt"] > 50)[members["jet"]]
    pt, code = members["pT"][hard], np.abs(members["id"][hard])
    shares = [pt[code == kind].sum() / pt.sum() for kind in (211, 22, 130)]
    assert 0.5 < shares[0] < 0.7
    assert 0.2 < shares[1] < 0.35
    assert 0.08 < shares[2] < 0.2


def test_the_uncorrected_response_is_low_and_the_standard_correction_closes(jets):
    assert 0.88 < np.median(response(jets, "jetRawPt", 100, 1000)) < 0.96
    assert np.median(response(jets, "jetPt", 50, 1000)) == pytest.approx(1, abs=0.02)


def test_resolution_improves_with_pt(jets):
    widths = [np.subtract(*np.quantile(response(jets, "jetPt", *bin_), [0.75, 0.25])) / 1.349 for bin_ in BINS]
    assert 0.09 < widths[0] < 0.2
    assert widths[0] > widths[1] > widths[2] > 0.03


BINS = ((25, 50), (50, 150), (150, 1500))


def test_densities_follow_the_pileup(jets):
    assert np.corrcoef(jets["rhoAll"], jets["Pileup_nPU"])[0, 1] > 0.8
    assert np.corrcoef(jets["PV_npvsGood"], jets["Pileup_nPU"])[0, 1] > 0.9
    assert (jets["rhoCentralNeutral"] < jets["rhoCentral"]).all()
    offset = (jets["jetRawPt"] - jets["jetPt"])[jets["jetPt"] < 30]
    assert np.corrcoef(offset, jets["rhoAll"][jets["jetPt"] < 30])[0, 1] > 0.7


def test_flavours(jets):
    parton, hadron = np.abs(jets["partonFlav"]), jets["hadronFlav"]
    assert set(parton) <= {0, 1, 2, 3, 4, 5, 21}
    assert set(hadron) <= {0, 4, 5}
    assert 0.4 < np.mean(parton == 21) < 0.8
    assert 0.005 < np.mean(hadron == 5) < 0.15
    assert (jets["isPartonUDS"] + jets["isPartonG"] + jets["isPartonOther"] == 1).all()
    assert np.isin(parton[hadron == 5], (5,)).mean() > 0.6


def test_generator_constituents_make_the_generator_jet(table):
    offsets, columns = table.lists["genJetPF"]
    lengths = np.diff(offsets)
    assert ((lengths > 0) == (table.columns["jetGenMatch"] == 1)).all()
    jet = np.repeat(np.arange(JETS), lengths)
    along = columns["pT"] * np.cos(columns["dR"] * np.sin(columns["dTheta"]))
    total = np.bincount(jet, along, JETS)
    np.testing.assert_allclose(total, table.columns["genJetPt"], rtol=1e-5)


def test_the_tree_is_that_of_the_record(table, tmp_path):
    with Writer(tmp_path / "jets.root") as writer:
        writer.write(table.first(100))
        writer.write(table.first(50))
    with uproot.open(tmp_path / "jets.root") as file:
        tree = file[TREE]
        assert tree.num_entries == 150
        types = tree.typenames()
        for name, kind in RECORD.items():
            assert types[name] == kind, name
        assert set(types) == set(RECORD)
        np.testing.assert_array_equal(
            tree["jetPt"].array(library="np")[:100], table.columns["jetPt"][:100].astype("f4")
        )
        offsets, columns = table.lists["PF"]
        read = tree["PF_pT"].array(library="np")
        np.testing.assert_array_equal(read[7], columns["pT"][offsets[7] : offsets[8]].astype("f4"))
        np.testing.assert_array_equal(tree["nPF"].array(library="np")[:100], np.diff(offsets)[:100])


FLOATS = """
jetPt jetEta jetPhi jetMass jetGirth jetArea jetRawPt jetRawMass jetQGl QG_ptD QG_axis2 genJetPt genJetEta genJetPhi
genJetMass dPhiJetsLO dEtaJetsLO alpha pthat eventWeight rhoAll rhoCentral rhoCentralNeutral rhoCentralChargedPileUp
Pileup_nTrueInt
"""
INTEGERS = """
jetLooseID jetTightID jetGenMatch QG_mult partonFlav hadronFlav physFlav isPhysUDS isPhysG isPhysOther isPartonUDS
isPartonG isPartonOther jetChargedHadronMult jetNeutralHadronMult jetChargedMult jetNeutralMult jetMult nPF nGenJetPF
eventJetMult jetPtOrder run lumi PV_npvsGood Pileup_nPU
"""
FLOAT_LISTS = """
PF_pT PF_dR PF_dTheta PF_dPhi PF_dEta PF_mass genJetPF_pT genJetPF_dR genJetPF_dTheta genJetPF_mass
"""
RECORD = {
    **dict.fromkeys(FLOATS.split(), "float"),
    **dict.fromkeys(INTEGERS.split(), "int32_t"),
    **dict.fromkeys(FLOAT_LISTS.split(), "float[]"),
    **dict.fromkeys(("PF_id", "PF_fromPV", "PF_fromAK4Jet", "genJetPF_id"), "int32_t[]"),
    "event": "uint64_t",
}


def test_the_same_seed_gives_the_same_jets(table, pool):
    again = next(iter(generate_jets(SETTINGS, 1, pool, Stopwatch())))
    count = len(again)
    for name, column in again.columns.items():
        np.testing.assert_array_equal(column, table.columns[name][:count], err_msg=name)
    other_file = next(iter(generate_jets(SETTINGS, 0, pool, Stopwatch())))
    assert not np.isin(other_file.columns["jetPt"], table.columns["jetPt"]).any()


def first_batch(pool, variation):
    settings = Settings(jets=JETS, seed=11, pool_size=200, variation=variation)
    return next(iter(generate_jets(settings, 0, pool, Stopwatch()))).columns


def test_variations_change_what_they_name(pool):
    nominal, generator, detector = (first_batch(pool, name) for name in ("nominal", "generator", "detector"))
    np.testing.assert_array_equal(nominal["pthat"][:3], detector["pthat"][:3])
    assert nominal["pthat"][0] != generator["pthat"][0]
    same = set(nominal["genJetPt"]) & set(detector["genJetPt"]) - {0.0}
    assert len(same) > 50
    assert not set(nominal["genJetPt"]) & set(generator["genJetPt"]) - {0.0}
    assert not set(nominal["jetRawPt"]) & set(detector["jetRawPt"])


def test_the_shifted_detector_sees_less(pool):
    nominal, detector = (first_batch(pool, name) for name in ("nominal", "detector"))
    assert np.median(response(detector, "jetRawPt", 50, 3000)) < np.median(response(nominal, "jetRawPt", 50, 3000))


def test_every_variation_is_offered_and_leaves_its_mark_in_the_manifest():
    assert tuple(VARIATIONS) == VARIATION_NAMES
    marks = {manifest(Settings(jets=10, variation=name))["generator and detector"] for name in VARIATIONS}
    assert len(marks) == len(VARIATIONS)
    assert len({manifest(Settings(jets=10, variation=name))["standard correction"] for name in VARIATIONS}) == 1


def test_an_unknown_variation_is_refused():
    with pytest.raises(JetcalError, match="--variation must be one of nominal, generator, detector, not 'moon'"):
        Settings(jets=10, variation="moon")
