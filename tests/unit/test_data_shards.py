"""Shards are views of the mapped file, and padding is the network's input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.support.toys import toy_jets

from jetcal.data import padding, shards
from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, Jets, take
from jetcal.errors import JetcalError


def events(jets: Jets) -> shards.Events:
    count = len(jets)
    return shards.Events(np.full(count, 3), np.arange(count), np.arange(count, dtype=np.uint64) + np.uint64(2**63))


@pytest.fixture
def jets() -> Jets:
    return toy_jets(200)


def test_what_is_written_is_read(tmp_path: Path, jets: Jets) -> None:
    shards.write(tmp_path / "a.arrow", jets, events(jets))
    found, when = shards.read(tmp_path / "a.arrow")
    np.testing.assert_array_equal(found.offsets, jets.offsets)
    for name, column in jets.jet.items():
        np.testing.assert_array_equal(found.jet[name], column)
    for name, column in jets.constituents.items():
        np.testing.assert_array_equal(found.constituents[name], column)
    np.testing.assert_array_equal(when.event, events(jets).event)
    np.testing.assert_array_equal(when.lumi, events(jets).lumi)


def test_columns_are_views_of_the_mapped_file(tmp_path: Path, jets: Jets) -> None:
    shards.write(tmp_path / "a.arrow", jets, events(jets))
    before = pa.total_allocated_bytes()
    found, _ = shards.read(tmp_path / "a.arrow")
    assert pa.total_allocated_bytes() == before
    columns = [*found.jet.values(), *found.constituents.values(), found.offsets]
    assert not any(column.flags.owndata or column.flags.writeable for column in columns)


def test_other_tools_can_read_a_shard(tmp_path: Path, jets: Jets) -> None:
    shards.write(tmp_path / "a.arrow", jets, events(jets))
    with pa.ipc.open_file(tmp_path / "a.arrow") as reader:
        rows = reader.read_all().slice(0, 2).to_pylist()
    assert len(rows[0]["constituents"]) == jets.offsets[1]
    assert rows[1]["constituents"][0]["pt"] == jets.constituents["pt"][jets.offsets[1]]


@pytest.mark.parametrize("content", [b"", b"ARROW1\0\0 and nothing more"])
def test_a_damaged_shard_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.arrow").write_bytes(content)
    with pytest.raises(JetcalError, match=r"a.arrow: is damaged .*; delete the dataset's folder"):
        shards.read(tmp_path / "a.arrow")


def test_a_shard_whose_middle_is_lost_is_named(tmp_path: Path, jets: Jets) -> None:
    path = tmp_path / "a.arrow"
    shards.write(path, jets, events(jets))
    content = bytearray(path.read_bytes())
    at = content.find(jets.offsets[50:60].tobytes())
    content[at : at + 80] = bytes(80)
    path.write_bytes(content)
    with pytest.raises(JetcalError, match=r"a.arrow: is damaged .*; delete the dataset's folder"):
        shards.read(path)


def test_a_foreign_shard_is_named(tmp_path: Path) -> None:
    table = pa.table({"x": [1]})
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(JetcalError, match="is no shard of this version"):
        shards.read(tmp_path / "a.arrow")


def test_padding_puts_each_jet_in_its_row(jets: Jets) -> None:
    constituents, jet = padding.pad(jets, 20, 60)
    counts = np.diff(jets.offsets)[20:60]
    assert constituents.shape == (40, counts.max(), 6)
    assert constituents.dtype == jet.dtype == np.float32
    for row, (start, stop) in enumerate(zip(jets.offsets[20:60], jets.offsets[21:61], strict=True)):
        for column, name in enumerate(CONSTITUENT_COLUMNS):
            np.testing.assert_array_equal(
                constituents[row, : stop - start, column], jets.constituents[name][start:stop]
            )
        assert not constituents[row, stop - start :].any()
    for column, name in enumerate(JET_COLUMNS):
        np.testing.assert_array_equal(jet[:, column], jets.jet[name][20:60])


def test_any_order_of_jets_can_be_padded(jets: Jets) -> None:
    padded = padding.Padder(jets)
    for count in (50, 1, 0):
        indices = np.random.default_rng(1).permutation(200)[:count]
        for one, other in zip(padded(indices), padding.pad(take(jets, indices), 0, count), strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype
            assert one.flags.c_contiguous


def test_the_hardest_are_kept_where_there_are_too_many(jets: Jets) -> None:
    full, _ = padding.pad(jets, 0, 30)
    cut, _ = padding.pad(jets, 0, 30, 5)
    assert cut.shape[1] == 5
    np.testing.assert_array_equal(cut, full[:, :5])


def test_jets_without_constituents_have_one_empty_row() -> None:
    bare = toy_jets(3)
    bare = Jets(bare.jet, {name: column[:0] for name, column in bare.constituents.items()}, np.zeros(4, np.int64))
    assert padding.pad(bare, 0, 3)[0].shape == (3, 1, 6)
    assert padding.pad(bare, 1, 1)[0].shape == (0, 1, 6)
