"""The validation report: statistics on toys, sentences, and the files that it writes."""

from __future__ import annotations

import json
import re
from dataclasses import fields

import numpy as np
import pytest
from click.testing import CliRunner

from jetcal.cli import main
from jetcal.errors import JetcalError
from jetcal.simulation.ntuple import LISTS, JetTable, Writer, branches
from jetcal.simulation.validation import measures, published
from jetcal.simulation.validation.comparison import Row, rows, sentences
from jetcal.simulation.validation.sample import Jets, read

COUNT = 3000


def row(topic, where, value, target, tolerance):
    return Row(topic, where, measures.Measured(value, 0.01, 99), target, tolerance, published.STUDY)


def write_jets(path, *, jets=COUNT, width=0.08):
    """Gluon jets of 30 to 300 GeV with a Gaussian response, each of a charged hadron, a photon and another's track."""
    rng = np.random.default_rng(8)
    columns = {name: np.zeros(jets, dtype=kind) for name, kind in branches().items()}
    generated = np.exp(rng.uniform(np.log(30), np.log(300), jets))
    columns |= {
        "genJetPt": generated,
        "jetPt": generated * rng.normal(1.0, width, jets),
        "jetRawPt": 0.9 * generated,
        "jetEta": rng.uniform(-2.4, 2.4, jets),
        "jetArea": np.full(jets, 0.5),
        "jetMult": np.full(jets, 2),
        "partonFlav": np.full(jets, 21),
        "hadronFlav": np.where(np.arange(jets) % 10 == 0, 5, 0),
        "rhoAll": rng.uniform(5, 25, jets),
        "PV_npvsGood": np.full(jets, 7),
        "Pileup_nPU": np.full(jets, 9),
        "event": np.arange(jets) // 2,
    }
    lists = {}
    for prefix, names in LISTS.items():
        lists[prefix] = (
            3 * np.arange(jets + 1),
            {name: np.zeros(3 * jets, dtype=kind) for name, kind in names.items()},
        )
    lists["PF"][1]["pT"][:] = np.tile([6.0, 2.0, 50.0], jets)
    lists["PF"][1]["id"][:] = np.tile([-211, 22, 211], jets)
    lists["PF"][1]["fromAK4Jet"][:] = np.tile([1, 1, 0], jets)
    with Writer(path) as writer:
        writer.write(JetTable(columns, lists))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jets")
    write_jets(folder / "JetNtuple_1.root")
    (folder / "simulation.json").write_text('{"variation": "detector", "seed": 3}')
    return folder


@pytest.fixture(scope="module")
def answer(folder):
    return CliRunner().invoke(main, ["simulate", str(folder), "--validate"])


def test_statistics_of_ten_numbers():
    values = np.arange(1.0, 11.0)
    assert measures.mean(values).value == 5.5
    assert measures.median(values).value == 5.5
    assert measures.resolution(values).value == pytest.approx((7.75 - 3.25) / 1.349 / 5.5)
    assert measures.mean(values).error == pytest.approx(np.sqrt(8.25 / 10))


@pytest.mark.parametrize("statistic", [measures.mean, measures.median, measures.resolution])
def test_errors_are_those_of_repeated_samples(statistic):
    rng = np.random.default_rng(2)
    found = [statistic(rng.normal(1.0, 0.1, 400)) for _ in range(400)]
    assert np.std([each.value for each in found]) == pytest.approx(np.mean([each.error for each in found]), rel=0.12)


def test_a_curve_leaves_out_bins_with_too_few_jets():
    by = np.concatenate([np.full(100, 25.0), np.full(measures.MIN_JETS - 1, 60.0)])
    drawn = measures.curve(by, by, (20, 30, 100), measures.mean, np.ones(len(by), dtype=bool))
    assert drawn.x == [pytest.approx(600**0.5)]
    assert drawn.points[0].jets == 100


def test_columns_are_read_per_jet(folder):
    jets = read(folder)
    assert len(jets) == COUNT
    assert jets.charged_hadrons == pytest.approx(0.75)
    assert jets.photons == pytest.approx(0.25)
    assert (jets.neutral_hadrons == 0).all()
    assert set(jets.flavour) == {5, 21}
    assert jets.interactions[0] == 10
    assert jets.first.tolist() == [True, False] * (COUNT // 2)
    assert all(len(getattr(jets, field.name)) == COUNT for field in fields(Jets))


def test_rows_find_what_the_toy_was_made_with(folder):
    found = {(each.topic, each.where): each for each in rows(read(folder))}
    width = found["resolution", "111 GeV"]
    assert width.measured.value == pytest.approx(0.08, abs=4 * width.measured.error)
    assert width.published == pytest.approx(0.146 / 1.349)
    assert not width.like
    assert found["energy share", "photons"].like
    assert found["median response", "g"].measured.value == pytest.approx(1, abs=0.01)
    assert found["vertices", "per interaction"].ratio == pytest.approx(1)
    assert ("resolution", "916 GeV") not in found
    assert ("median response", "c") not in found


def test_sentences_say_what_is_like_cms_and_what_is_not():
    like, unlike = sentences(
        [
            row("resolution", "30 GeV", 0.15, 0.16, 0.02),
            row("resolution", "1 TeV", 0.06, 0.04, 0.004),
            row("median response", "b", 1.01, 0.994, 0.005),
        ]
    )
    assert like == "Like CMS: resolution (30 GeV)."
    assert unlike == "Not like CMS (ratio to CMS): resolution (1 TeV 1.50); median response (b 1.016)."


def test_sentences_without_a_difference_or_without_a_row():
    assert sentences([row("area", "median", 0.5, 0.5, 0.1)])[1] == "Nothing that was compared differs from CMS."
    assert sentences([]) == ("Too few jets to compare anything with CMS.", "")


def test_the_command_writes_page_and_numbers(folder, answer):
    assert answer.exit_code == 0, answer.output
    numbers = json.loads((folder / "validation.json").read_text())
    assert numbers["jets"] == COUNT
    assert numbers["sample"]["variation"] == "detector"
    assert numbers["like"] in answer.output
    assert {"topic", "where", "value", "error", "cms", "ratio", "source"} <= set(numbers["numbers"][0])


def test_the_page_needs_nothing_else_and_shows_all_drawings(folder, answer):
    page = (folder / "validation.html").read_text()
    assert str(folder / "validation.html") in answer.output
    assert page.count("<svg") == 11
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "Simulated jets (detector)" in page
    for source in (published.STUDY, published.PARTICLE_FLOW):
        assert source.whole.replace("'", "&#39;").replace("<", "&lt;").replace(">", "&gt;") in page


def test_a_folder_without_jets_is_named(tmp_path):
    with pytest.raises(JetcalError, match=f"{tmp_path} holds no file JetNtuple"):
        read(tmp_path)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "JetNtuple_1.root").write_bytes(b"root, but not really" * 10)
    with pytest.raises(JetcalError, match=r"JetNtuple_1\.root is no whole file of jets"):
        read(tmp_path)
