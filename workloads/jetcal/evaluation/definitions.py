"""What the names in metrics.json mean, with units."""

from __future__ import annotations

from jetcal.evaluation.acceptance import MIN_CLOSURE_PT, MIN_JETS_JUDGED
from jetcal.evaluation.binning import MIN_JETS
from jetcal.evaluation.flavour import GROUPS

DEFINITIONS = {
    "response": "R = pT / pT_gen, no unit",
    "median": "median of R, no unit",
    "resolution": "(q75 - q25) / 1.349 / q50 of R, no unit",
    "resolution_68": "(q84 - q16) / 2 / q50 of R, no unit",
    "resolution_87": "(q93.5 - q6.5) / (2 x 1.514) / q50 of R: central 87 %, no unit",
    "core_mean": "mean of the Gaussian core of R: of jets within 2 core_sigma of it, no unit",
    "core_resolution": "core_sigma / q50 of R, no unit; the jets within 2 core_sigma of core_mean have variance "
    "0.774 core_sigma^2, as a truncated Gaussian",
    "tails": "share of jets with abs(R - q50) > 3 (q75 - q25) / 1.349, no unit; 0.0027 for a Gaussian",
    "tails_low": "share of jets with R < q50 - 3 (q75 - q25) / 1.349, no unit; 0.00135 for a Gaussian",
    "tails_high": "share of jets with R > q50 + 3 (q75 - q25) / 1.349, no unit; 0.00135 for a Gaussian",
    "gain": "1 - resolution(correction) / resolution(reference) on the same jets, no unit",
    "difference": "R_a - R_b, difference of the median responses of two flavour groups, no unit",
    "flavour_spread": "largest minus smallest median R of uds, c, b, g, no unit",
    "flavour_improvement": "1 - D(correction) / D(reference), D = sum over uds, c, b, g of the distance of the median "
    "R from the mean of the four, no unit; published figures are 100 times this",
    "spread_reduction": "flavour_spread(reference) / flavour_spread(correction), no unit",
    "coverage": "shares of jets with pT_gen inside, below, above the predicted interval; ideal 0.68, 0.16, 0.16",
    "error": "standard deviation over Poisson bootstrap replicas, paired over corrections, in the unit of the value",
    "pt": "range of generator pT, of pT after the correction for coverage, GeV; upper end null: unlimited",
    "abs_eta": "range of abs(eta) of the reconstructed jet, no unit",
    "mean_gen_pt": "mean generator pT of the range, GeV",
    "response_against": "as response, in narrow bins of abs(eta), in bins of rho and of n_vertices",
    "rho": "range of the event's pT density, GeV per unit area",
    "n_vertices": "range of the number of reconstructed vertices of the event",
    "mean_abs_eta": "mean abs(eta) of the range, no unit; mean_rho and mean_n_vertices alike",
    "statements": "the result in words",
    "raw": "before any correction",
    "standard": "after the standard correction of the input",
    "network": "after the candidate's correction",
    "calibrated": "after the candidate's correction and the residual derived from the validation jets",
    "baseline": "after the correction of the revision accepted before",
    "flavour": "hadron flavour, else parton flavour: "
    + "; ".join(f"{group} = PDG {', '.join(map(str, ids))}" for group, ids in GROUPS.items()),
    "null": f"not measured: fewer than {MIN_JETS} jets; ranges without any jet are left out",
    "judged": f"closure in bins of pT_gen above {MIN_CLOSURE_PT:g} GeV with at least {MIN_JETS_JUDGED} jets",
}
