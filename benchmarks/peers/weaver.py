"""weaver-core reads our ntuples: the same selection, columns and truth as ours, constituents padded to 100.

Its own reader and loader do the work; only the configuration is ours.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader
from weaver.utils.dataset import SimpleIterDataset, _load_next

from jetcal.data.jets import CONSTITUENT_COLUMNS
from jetcal.simulation.ntuple import TREE

SLOTS = 100
_CONSTITUENTS = dict(
    zip(CONSTITUENT_COLUMNS, ("PF_pT", "PF_dEta", "PF_dPhi", "PF_mass", "PF_id", "PF_fromPV"), strict=True)
)
_TRUTH = ("genJetPt", "jetPt", "flavour", "run", "lumi", "event")
_CONFIGURATION = {
    "treename": TREE,
    "selection": "(jetGenMatch == 1) & (jetRawPt > 0) & (jetPt > 0) & (genJetPt >= 20) & (np.abs(jetEta) <= 2.5)",
    "new_variables": {
        "member": "(PF_fromAK4Jet == 1) & (PF_pT > 0)",
        "order": "ak.argsort(PF_pT[member], ascending=False)",
        **{name: f"{branch}[member][order]" for name, branch in _CONSTITUENTS.items()},
        "mask": "ak.ones_like(pt)",
        "target": "np.log(genJetPt / jetRawPt)",
        "flavour": "np.where(hadronFlav != 0, hadronFlav, np.abs(partonFlav))",
    },
    "preprocess": {"method": "manual"},
    "inputs": {
        "constituents": {"length": SLOTS, "vars": [[name, None] for name in _CONSTITUENTS]},
        "mask": {"length": SLOTS, "vars": [["mask", None]]},
        "jet": {
            "length": None,
            "vars": [[name, None] for name in ("jetRawPt", "jetEta", "jetRawMass", "jetArea", "rhoAll", "PV_npvsGood")],
        },
    },
    "labels": {"type": "custom", "value": {"y": "target"}},
}


class Reader:
    """Its training data set over some files.

    Parameters
    ----------
    files
        ROOT files.
    folder
        Where its configuration may lie.
    truth
        Whether to read what evaluation needs beside the target, too.
    how
        Its settings: ``fetch_by_files``, ``fetch_step``, ``in_memory``.
    """

    def __init__(self, files: Sequence[Path], folder: Path, *, truth: bool, **how: Any) -> None:
        configuration = folder / f"weaver-{truth}.yaml"
        content = _CONFIGURATION | {"monitor_variables": list(_TRUTH) if truth else []}
        configuration.write_text(json.dumps(content))
        self._files = [str(file) for file in files]
        whole = ((0, 1), 1, 1)
        self._jets = SimpleIterDataset(
            {"_": self._files}, str(configuration), load_range_and_fraction=whole, name="train", **how
        )

    def read(self) -> int:
        """Every file as a whole, one after the other, ready to hand out jets; how many there are."""
        options = self._jets._sampler_options  # noqa: SLF001  # without this, the time to hand out single jets counts too
        return sum(len(_load_next(self._jets.config, [file], [(0, 1)], options)[1]) for file in self._files)

    def fetch(self) -> int:
        """Every jet once as its settings say, one at a time, without batches."""
        return sum(1 for _ in self._jets)

    def batches(self, size: int, most: int | None = None) -> int:
        """Shuffled batches as its training gets them, an epoch or ``most`` of them; how many jets."""
        loader = DataLoader(self._jets, batch_size=size, drop_last=True)
        return sum(len(target["y"]) for _, target, _ in islice(loader, most))
