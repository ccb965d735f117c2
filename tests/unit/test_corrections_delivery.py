"""What an analysis takes away says the same in every format, and holds where it says."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import correctionlib
import numpy as np
import pytest
from tests.support.evaluation import gaussian_sample
from tests.support.jec_text import CorrectionText

from jetcal.errors import JetcalError
from jetcal.evaluation.corrections import delivery, residual, resolution, uncertainty
from jetcal.evaluation.corrections.text import file_name
from jetcal.evaluation.response import Sample
from jetcal.serving.residual import ResidualCorrection

EMPTY = Sample(np.empty(0), np.empty(0), np.empty(0), {"network": np.empty(0)})


@pytest.fixture(scope="module")
def derived():
    validation = gaussian_sample(30_000, 1, scale=0.98)
    found = residual.derive(validation)
    test = found.applied(gaussian_sample(20_000, 2, scale=0.98))
    other = found.applied(gaussian_sample(10_000, 3, scale=0.99))
    return found, uncertainty.estimate(test, found, {"herwig": other}), resolution.derive(test)


@pytest.fixture(scope="module")
def folder(derived, tmp_path_factory):
    place = tmp_path_factory.mktemp("corrections")
    delivery.write(str(place), "toy", *derived)
    return place


@pytest.fixture(scope="module")
def library(folder):
    return correctionlib.CorrectionSet.from_file(str(folder / "corrections.json"))


@pytest.fixture(scope="module")
def grid(derived):
    found = derived[0]
    rng = np.random.default_rng(5)
    edges = [edge for each in found.bins for edge in (-each.eta.low, -each.eta.high, each.eta.low, each.eta.high)]
    eta = np.concatenate(
        [rng.uniform(-2.5, 2.5, 500), np.array(edges), np.nextafter(edges, 9), np.nextafter(edges, -9)]
    )
    eta = eta[(eta >= -2.5) & (eta < 2.5)]
    ends = np.array([end for each in found.bins for end in each.pt_range])
    pts = np.concatenate([np.exp(rng.uniform(np.log(1), np.log(9000), 500)), ends, [1e-3, 1e5]])
    return eta, rng.choice(pts, len(eta))


def test_text_and_json_and_the_residual_itself_agree(derived, folder, library, grid):
    text = CorrectionText.parse((folder / file_name("toy")).read_text())
    assert text.level == "L2Relative"
    expected = derived[0](*grid)
    assert np.ptp(expected) > 0.005
    np.testing.assert_allclose(text(*grid), expected, rtol=1e-12)
    np.testing.assert_allclose(library["L2Relative"].evaluate(*grid), expected, rtol=1e-12)


def test_tools_that_read_the_text_in_single_precision_agree_to_a_millionth(derived, folder, grid):
    single = CorrectionText.parse((folder / file_name("toy")).read_text(), np.float32)
    eta, pt = grid
    inside = np.abs(np.abs(eta)[:, None] - single.rows[:, 1]).min(axis=1) > 1e-5
    np.testing.assert_allclose(single(eta[inside], pt[inside]), derived[0](eta[inside], pt[inside]), rtol=1e-6)


def test_beyond_the_derived_eta_every_format_refuses(folder, library):
    text = CorrectionText.parse((folder / file_name("toy")).read_text())
    for eta in (2.5, -2.6, 4.0):
        with pytest.raises(ValueError, match="no bin"):
            text([eta], [50.0])
        with pytest.raises(RuntimeError):
            library["L2Relative"].evaluate(eta, 50.0)
        with pytest.raises(RuntimeError):
            library["uncertainty"].evaluate("total", "up", eta, 50.0)


@pytest.mark.parametrize("name", ["corrections.json", "corrections.json.gz"])
def test_the_command_of_correctionlib_finds_the_file_valid(folder, name):
    command = Path(sys.executable).with_name("correction")
    done = subprocess.run(
        [command, "validate", "--version", "2", folder / name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_up_and_down_are_the_uncertainties_of_the_bin(derived, library):
    _, uncertainties, _ = derived
    for number in (0, 3, len(uncertainties.bins) - 1):
        each = uncertainties.bins[number]
        eta, pt = each.eta.low + 0.01, each.pt.low + 0.01
        for name, source in {"total": uncertainties.total, **uncertainties.sources}.items():
            factor = {side: library["uncertainty"].evaluate(name, side, -eta, pt) for side in ("nominal", "up", "down")}
            assert factor["nominal"] == 1
            assert factor["up"] == pytest.approx(1 + source.up[number])
            assert factor["down"] == pytest.approx(1 - source.down[number])


def test_an_unknown_source_is_an_error(library):
    with pytest.raises(IndexError):
        library["uncertainty"].evaluate("weather", "up", 0.1, 50.0)


def test_the_resolution_is_that_of_the_fit_and_constant_beyond_it(derived, library):
    first = derived[2][0]
    pt = np.array([1.0, *first.pt, 1e5])
    found = library["resolution"].evaluate(np.full(len(pt), 0.1), pt)
    np.testing.assert_allclose(found, first(pt), rtol=1e-9)
    assert found[0] == pytest.approx(found[1])


def test_the_compressed_file_is_the_same_and_reproducible(derived, folder, tmp_path):
    assert gzip.decompress((folder / "corrections.json.gz").read_bytes()) == (folder / "corrections.json").read_bytes()
    for name in delivery.write(str(tmp_path), "toy", *derived):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_readme_tells_order_validity_and_every_definition(derived, folder):
    text = (folder / "README.txt").read_text()
    places = [text.index(word) for word in ("raw pT x correction", "JetPt x L2Relative", "calibrated pT x factor")]
    assert places == sorted(places)
    assert "|eta| < 2.5" in text
    for source in derived[1].sources.values():
        assert source.definition in text
    assert not re.search(r"[{}]", text)


def test_without_jets_only_a_residual_of_one_is_delivered_and_the_readme_says_so(tmp_path):
    found = residual.derive(EMPTY)
    nothing = uncertainty.estimate(found.applied(EMPTY), found)
    delivery.write(str(tmp_path), "empty", found, nothing, resolution.derive(found.applied(EMPTY)))
    library = correctionlib.CorrectionSet.from_file(str(tmp_path / "corrections.json"))
    assert list(library) == ["L2Relative"]
    assert library["L2Relative"].evaluate(4.7, 33.0) == 1
    assert "no residual" in (tmp_path / "README.txt").read_text()
    assert "no uncertainties" in (tmp_path / "README.txt").read_text()


def test_the_residual_is_loaded_from_file_and_folder(derived, folder, grid):
    for place in (folder, folder / "corrections.json", folder / "corrections.json.gz"):
        loaded = ResidualCorrection.load(str(place))
        np.testing.assert_allclose(loaded(*grid), derived[0](*grid), rtol=1e-12)
    outside = loaded(np.array([2.5, -3.0, np.nan, 0.1, 0.1]), np.array([50, 50, 50, np.nan, 50]))
    assert np.isnan(outside).tolist() == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("text.json", b"{", "is no correctionlib file with L2Relative"),
        ("other.json", json.dumps({"schema_version": 2, "corrections": []}).encode(), "with L2Relative"),
        ("cut.json.gz", gzip.compress(b"{}", mtime=0)[:12], "is damaged"),
    ],
)
def test_a_file_that_is_no_residual_is_named(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(JetcalError, match=rf"{re.escape(name)}: .*{sentence}"):
        ResidualCorrection.load(str(tmp_path / name))


def test_a_missing_residual_is_named(tmp_path):
    with pytest.raises(JetcalError, match=r"corrections\.json"):
        ResidualCorrection.load(str(tmp_path))
