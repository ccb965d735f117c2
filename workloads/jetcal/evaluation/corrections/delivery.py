"""The folder that an analysis takes: L2Relative text, correctionlib JSON, and how to use them."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

from jetcal import storage
from jetcal.evaluation.corrections.library import RESOLUTION, UNCERTAINTY, correction_set
from jetcal.evaluation.corrections.residual import Residual
from jetcal.evaluation.corrections.resolution import EtaResolution
from jetcal.evaluation.corrections.text import LEVEL, file_name, l2_relative
from jetcal.evaluation.corrections.uncertainty import TOTAL, Uncertainties

LIBRARY = "corrections.json"
README = "README.txt"

_README = """\
Residual correction, uncertainties and resolution of the jet energy calibration {calibration}

Order of the factors
  1. raw pT  ->  network                JetPt = raw pT x correction          (model.onnx, Triton or jetcal.Corrector)
  2. JetPt   ->  residual               calibrated pT = JetPt x {level}(JetEta, JetPt)
  3. calibrated pT  ->  uncertainty     shifted pT = calibrated pT x factor  (simulation only)
The mass is scaled by the same factors. No other correction comes before or between: not L1, L2 or L3.

Files
  {text}
      {level} as CMS tools read it: etamin etamax n ptmin ptmax p0 p1 ...
  {library}, {library}.gz
      correctionlib, schema version 2:
{corrections}

Where it holds
  |eta| < {max_abs_eta:g}: jets outside are an error in correctionlib, mask them before.
  pT beyond the derived range of a bin gets the value at the range's end:
{ranges}

How it was made
  {level}: 1 / median response after the network against the mean pT after it, in bins of pT(gen), validation jets.
{made}{notes}
"""


def write(
    folder: str,
    calibration: str,
    residual: Residual,
    uncertainties: Uncertainties,
    resolution: Sequence[EtaResolution],
) -> list[str]:
    """Write the deliverables below a uri; a reader sees each file whole or not at all.

    Parameters
    ----------
    folder
        Where: a path or an ``s3://`` uri.
    calibration
        What the files are called after, without blanks.
    residual, uncertainties, resolution
        What was derived.

    Returns
    -------
    list[str]
        Names of the files.

    Raises
    ------
    StorageError
        If the storage refuses.
    """
    library = correction_set(
        residual,
        uncertainties,
        resolution,
        f"jet energy calibration {calibration}: what follows the network, see {README}",
    )
    document = library.model_dump_json(exclude_none=True, indent=1).encode()
    files = {
        file_name(calibration): l2_relative(residual).encode(),
        LIBRARY: document,
        f"{LIBRARY}.gz": gzip.compress(document, mtime=0),
        README: readme(calibration, residual, uncertainties, resolution).encode(),
    }
    for name, content in files.items():
        storage.write_bytes(storage.join(folder, name), content)
    return list(files)


def readme(
    calibration: str, residual: Residual, uncertainties: Uncertainties, resolution: Sequence[EtaResolution]
) -> str:
    """How to use the files, in words; parameters as in :func:`write`."""
    corrections, made = [f"{LEVEL}(JetEta, JetPt)"], []
    if uncertainties.bins:
        corrections.append(f"{UNCERTAINTY}(source, systematic, JetEta, JetPt): systematic is nominal, up or down")
        sources = {TOTAL: uncertainties.total, **uncertainties.sources}
        made += [f"{UNCERTAINTY} {name}: {source.definition}." for name, source in sources.items()]
    if resolution:
        corrections.append(f"{RESOLUTION}(JetEta, JetPt)")
        made.append(
            f"{RESOLUTION}: (q75 - q25) / 1.349 / q50 of the calibrated response in bins of pT(gen), test jets."
        )
    notes = [*residual.notes, *uncertainties.notes]
    return _README.format(
        calibration=calibration,
        level=LEVEL,
        text=file_name(calibration),
        library=LIBRARY,
        corrections=_lines(corrections, 8),
        max_abs_eta=residual.max_abs_eta,
        ranges=_lines(
            [f"|eta| {each.eta}: {each.pt_range[0]:.4g}-{each.pt_range[1]:.4g} GeV" for each in residual.bins], 6
        ),
        made=_lines(made, 2),
        notes="\n\nTo be known\n" + _lines(notes, 2) if notes else "",
    )


def _lines(texts: Sequence[str], indent: int) -> str:
    return "\n".join(" " * indent + text for text in texts)
