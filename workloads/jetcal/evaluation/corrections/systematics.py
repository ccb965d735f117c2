"""Jets of other generators or detectors, straight from their ntuples, corrected by the candidate."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator

import numpy as np

from jetcal.data import ntuples, plausibility, selection, shards, sources
from jetcal.data.jets import Jets, take
from jetcal.data.shards import Events
from jetcal.errors import JetcalError
from jetcal.evaluation.corrections.residual import Residual
from jetcal.evaluation.events import event_numbers
from jetcal.evaluation.predictions import Model, score
from jetcal.evaluation.response import NETWORK, RAW, STANDARD, Sample
from jetcal_api.documents import Reading
from jetcal_api.results import Source
from jetcal_api.spec import SystematicSample

_CORRECTIONS = (RAW, STANDARD, NETWORK)


def calibrated_samples(
    wanted: Iterable[SystematicSample], reading: Reading | None, model: Model, residual: Residual
) -> dict[str, Sample]:
    """Every systematic sample with the corrections raw, standard, network and calibrated.

    Parameters
    ----------
    wanted
        Names and files, of the evaluation's document.
    reading
        How the files are read and which jets are selected; needed if any sample is wanted.
    model
        The candidate.
    residual
        What follows it.

    Raises
    ------
    JetcalError
        If a sample's files cannot be found or read, or hold no jet that is selected.
    """
    samples = list(wanted)
    if not samples:
        return {}
    if reading is None:
        message = "systematic samples need the evaluation's 'reading': tree, columns and selection"
        raise JetcalError(message)
    return {each.name: residual.applied(read(each, reading, model)) for each in samples}


def read(wanted: SystematicSample, reading: Reading, model: Model) -> Sample:
    """One sample, read and scored piece by piece: memory stays at a few numbers a jet.

    Raises
    ------
    JetcalError
        As :func:`calibrated_samples`.
    """
    files = sources.find(wanted.files, f"the files of the systematic sample '{wanted.name}'")
    found = [_scored(jets, events, model) for jets, events in _selected(files, reading)]
    pieces, numbers = [piece for piece, _ in found], [events for _, events in found]
    if not sum(len(piece) for piece in pieces):
        message = (
            f"systematic sample '{wanted.name}': none of the jets in its {len(files)} files passes spec.dataset.jets; "
            "give other files"
        )
        raise JetcalError(message)
    return Sample(
        gen_pt=np.concatenate([piece.gen_pt for piece in pieces]),
        eta=np.concatenate([piece.eta for piece in pieces]),
        flavour=np.concatenate([piece.flavour for piece in pieces]),
        corrected={name: np.concatenate([piece.corrected[name] for piece in pieces]) for name in _CORRECTIONS},
        events=event_numbers(numbers),
    )


def _selected(files: Iterable[Source], reading: Reading) -> Iterator[tuple[Jets, Events]]:
    watch = plausibility.Watch(reading.columns)
    for source in files:
        with sources.local_copy(source) as path:
            for piece in ntuples.read(path, reading.tree, columns=reading.columns, name=source.uri):
                watch.see(piece, source.uri)
                kept, _ = selection.select(selection.requirements(piece.jets, piece.matched, reading.jets))
                if piece.events is None:
                    message = "events come with the truth"
                    raise ValueError(message)
                yield take(piece.jets, kept), shards.take_events(piece.events, kept)
        gc.collect()  # a file's objects refer to each other in circles; without this several files pile up


def _scored(jets: Jets, events: Events, model: Model) -> tuple[Sample, Events]:
    """The jets with a usable correction, and their events."""
    sample = score([jets], {NETWORK: model}, np.arange(len(jets))).sample
    usable = np.arange(0) if sample.events is None else sample.events
    return sample, shards.take_events(events, usable)
