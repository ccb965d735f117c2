from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.prepared import prepare_toys
from tests.support.toys import toy_jets

from jetcal.data import shards
from jetcal.training import shares
from jetcal.training.shares import Share


@pytest.fixture
def files():
    return [toy_jets(count, seed=count, mean_constituents=4) for count in (230, 1, 119)]


def raw_pt(chunks):
    return np.concatenate([chunk.jet[:, 0] for chunk in chunks])


def every(files):
    return np.sort(np.concatenate([jets.jet["raw_pt"] for jets in files]))


@pytest.mark.parametrize(("block", "window"), [(4096, 262_144), (7, 50)])
def test_an_epoch_sees_every_jet_once_in_the_wanted_number_of_batches(monkeypatch, files, block, window):
    monkeypatch.setattr(shares, "BLOCK", block)
    monkeypatch.setattr(shares, "WINDOW", window)
    batches = list(Share(files, 0, 350).batches(13, 64, np.random.default_rng(1)))
    sizes = [sum(len(chunk.target) for chunk in batch) for batch in batches]
    assert len(batches) == 13
    assert max(sizes) - min(sizes) <= 1
    np.testing.assert_array_equal(np.sort(raw_pt([chunk for batch in batches for chunk in batch])), every(files))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_are_disjoint_whole_and_nearly_equal(files, count):
    parts = [Share(files, *shares.split_evenly(350, rank, count)) for rank in range(count)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    seen = np.concatenate([raw_pt(part.all(64)) for part in parts])
    np.testing.assert_array_equal(np.sort(seen), every(files))


def test_order_follows_the_seed_and_skipping_leaves_the_rest_as_it_is(files):
    share = Share(files, 10, 340)
    whole = [raw_pt(batch) for batch in share.batches(9, 64, np.random.default_rng(5))]
    again = [raw_pt(batch) for batch in share.batches(9, 64, np.random.default_rng(5), skip=4)]
    other = [raw_pt(batch) for batch in share.batches(9, 64, np.random.default_rng(6))]
    for one, two in zip(whole[4:], again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(whole[0], other[0])


def test_chunks_keep_to_the_slots_and_each_jet_to_its_own_target_and_weight(files):
    for chunk in Share(files, 0, 350).weighted(lambda jet: np.log(jet["gen_pt"])).all(40):
        jets, slots = chunk.constituents.shape[:2]
        assert jets * slots <= 40 or jets == 1
        np.testing.assert_allclose(chunk.weight, chunk.target + np.log(chunk.jet[:, 0]), rtol=1e-5)
        np.testing.assert_allclose(chunk.constituents[..., 0].sum(1), chunk.jet[:, 0], rtol=1e-4)


def test_weights_follow_their_jets_through_files_and_batches(files):
    plain = Share(files, 100, 300)
    share = plain.weighted(lambda jet: jet["raw_pt"] / 10)
    assert set(plain.column("weight")) == {1.0}
    np.testing.assert_array_equal(share.column("weight"), plain.column("raw_pt") / np.float32(10))
    batches = list(share.batches(3, 64, np.random.default_rng(1)))
    assert sum(len(chunk.target) for batch in batches for chunk in batch) == len(share) == 200
    for chunk in (chunk for batch in batches for chunk in batch):
        np.testing.assert_array_equal(chunk.weight, chunk.jet[:, 0] / np.float32(10))


def test_a_process_opens_its_own_files_only(tmp_path, monkeypatch):
    dataset = prepare_toys(tmp_path, train=400, validation=40, test=4, files=4)
    opened = []
    original = shards.open_part
    monkeypatch.setattr(
        shards, "open_part", lambda own, part: opened.append([s.path for s in own.shards[part]]) or original(own, part)
    )
    second = Share.open(dataset, "train", 1, 4)
    middle = Share.open(dataset, "train", 1, 3)
    assert opened == [["train-1.arrow"], ["train-1.arrow", "train-2.arrow"]]
    everything = Share.open(dataset, "train", 0, 1).column("raw_pt")
    np.testing.assert_array_equal(second.column("raw_pt"), everything[100:200])
    np.testing.assert_array_equal(middle.column("raw_pt"), everything[133:266])


def test_without_padding_the_batches_hold_the_same_jets_and_constituents(files):
    share = Share(files, 10, 340).weighted(lambda jet: jet["raw_pt"])
    dense = list(share.batches(9, 64, np.random.default_rng(5), skip=2))
    ragged = list(share.ragged_batches(9, 64, np.random.default_rng(5), skip=2))
    assert len(dense) == len(ragged) == 7
    for chunks, pieces in zip(dense, ragged, strict=True):
        assert all(len(piece.constituents) <= 64 or len(piece.counts) == 1 for piece in pieces)
        assert described(pieces) == described(chunks)


def described(batch):
    """Each jet's columns and constituents."""
    jets = set()
    for part in batch:
        if isinstance(part, shares.Ragged):
            assert part.counts.sum() == len(part.constituents)
            lists = np.split(part.constituents, np.cumsum(part.counts)[:-1])
        else:
            lists = [slots[slots[:, 0] > 0] for slots in part.constituents]
        columns = zip(part.jet, part.target, part.weight, lists, strict=True)
        jets |= {(jet.tobytes(), float(y), float(weight), rows.tobytes()) for jet, y, weight, rows in columns}
    assert len(jets) == sum(len(part.target) for part in batch)
    return jets


def test_a_batch_of_jets_without_constituents_has_one_empty_slot_for_each():
    toys = toy_jets(20)
    empty = replace(
        toys, constituents={name: c[:0] for name, c in toys.constituents.items()}, offsets=np.zeros(21, int)
    )
    (batch,) = Share([empty], 0, 20).batches(1, 8, np.random.default_rng(1))
    assert {chunk.constituents.shape[1:] for chunk in batch} == {(1, 6)}
    assert not any(chunk.constituents.any() for chunk in batch)
    ((piece,),) = Share([empty], 0, 20).ragged_batches(1, 8, np.random.default_rng(1))
    assert piece.constituents.shape == (0, 6)
    assert piece.counts.tolist() == [0] * 20


def test_one_jet_of_5000_particles_does_not_blow_up_the_batch_of_the_others():
    small, large = toy_jets(999, mean_constituents=20), toy_jets(1, seed=2, mean_constituents=5000)
    share = Share([small, large], 0, 1000)
    (batch,) = share.batches(1, 4096, np.random.default_rng(1))
    shapes = [chunk.constituents.shape[:2] for chunk in batch]
    longest = np.diff(large.offsets).max()
    assert longest > 4500
    assert shapes[0] == (1, longest)
    assert sum(jets * slots for jets, slots in shapes) < longest + 2 * len(small.constituents["pt"])


def test_more_processes_than_shards_share_the_jets_of_each(tmp_path):
    dataset = prepare_toys(tmp_path, train=100, validation=10, test=4, files=2)
    parts = [Share.open(dataset, "train", rank, 7) for rank in range(7)]
    everything = Share.open(dataset, "train", 0, 1).column("raw_pt")
    np.testing.assert_array_equal(np.concatenate([part.column("raw_pt") for part in parts]), everything)
    assert {len(part) for part in parts} == {14, 15}
