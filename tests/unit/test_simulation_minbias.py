"""The pool of minimum-bias events and its cache."""

from __future__ import annotations

import numpy as np
import pytest

from jetcal.errors import JetcalError
from jetcal.simulation.generator import Particles
from jetcal.simulation.minbias import chunks, join, load, pool_path, save
from jetcal.simulation.overlay import overlay
from jetcal.simulation.settings import Settings, seed_sequence


def events(*pts):
    """One particle column for each event: pts of its particles."""
    flat = np.array([pt for event in pts for pt in event], dtype=float)
    offsets = np.concatenate([[0], np.cumsum([len(event) for event in pts])])
    whole = np.zeros(len(flat), dtype=np.int64)
    return Particles(offsets, flat, flat * 0 + 0.5, flat * 0 + 1.0, 2 * flat, whole, whole, whole + 211)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_a_pool_is_found_again_by_seed_and_size(cache):
    settings = Settings(jets=10, seed=3, pool_size=6000)
    assert pool_path(settings).is_relative_to(cache / "jetcal" / "minbias")
    assert pool_path(settings) == pool_path(Settings(jets=999, files=3, seed=3, pileup=40, pool_size=6000))
    assert pool_path(settings) != pool_path(Settings(jets=10, seed=4, pool_size=6000))
    assert pool_path(settings) != pool_path(Settings(jets=10, seed=3, pool_size=6001))
    assert chunks(settings) == [2500, 2500, 1000]


def test_a_pool_survives_the_cache():
    path = pool_path(Settings(jets=10))
    save(events([1, 2], [], [3]), path)
    again = load(path)
    assert again.pt.tolist() == [1, 2, 3]
    assert again.offsets.tolist() == [0, 2, 2, 3]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_missing_or_broken_pool_is_none():
    path = pool_path(Settings(jets=10))
    assert load(path) is None
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK\x03\x04 cut off")
    assert load(path) is None


def test_a_cache_that_cannot_be_written_is_named(cache, monkeypatch):
    (cache / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache / "file"))
    with pytest.raises(JetcalError, match="XDG_CACHE_HOME"):
        save(events([1]), pool_path(Settings(jets=10)))


def test_joined_parts_keep_their_events():
    assert join([events([1], [2, 3]), events([4])]).offsets.tolist() == [0, 1, 3, 4]


def test_seeds_and_purposes_share_no_random_numbers():
    states = [
        tuple(seed_sequence(domain, *numbers).generate_state(2))
        for domain in ("file", "minimum bias", "standard correction")
        for numbers in ((1, 0), (1, 1), (2, 0), (0,))
    ]
    assert len(set(states)) == len(states)


def test_pileup_is_turned_mirrored_and_has_the_wanted_mean():
    hard, pool = events(*([[100.0]] * 2000)), events([1.0], [2.0, 3.0])
    together = overlay(hard, pool, 20.0, np.random.default_rng(1))
    assert together.interactions.pileup.mean() == pytest.approx(20, rel=0.03)
    assert together.interactions.pileup.std() > 1.3 * np.sqrt(20)
    of_pileup = together.interaction >= 2000
    assert (together.pt[~of_pileup] == 100).all()
    assert np.abs(np.mean(np.exp(1j * together.phi[of_pileup]))) < 0.02
    assert together.eta[of_pileup].mean() == pytest.approx(0, abs=0.01)
    both = np.flatnonzero(together.pt == 2)
    np.testing.assert_allclose(together.phi[both], together.phi[both + 1])
    assert (together.event[both] == together.interactions.event[together.interaction[both]]).all()


def test_no_pileup_leaves_the_hard_events_alone():
    together = overlay(events([5.0], [6.0]), events([1.0]), 0.0, np.random.default_rng(1))
    assert together.pt.tolist() == [5, 6]
