"""What is published of jets of CMS: numbers, where they hold, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Where numbers come from, and for which jets."""

    short: str
    whole: str


STUDY = Source(
    "2021 study",
    "study of networks for CMS jets: 14 million jets of simulated QCD events of 2016, AK4 CHS, |eta| < 2.5, after the "
    "standard correction (figures of D. Holmberg's jec-gnn repository); IQR / median divided by 1.349",
)
RECORD = Source(
    "record 12100",
    "CERN Open Data record 12100, doi 10.7483/OPENDATA.CMS.RY2V.T797: simulated QCD events of 2016, AK4 CHS, corrected "
    "pT > 30 GeV; its resolution for |eta| < 1.3 from Comput. Softw. Big Sci. 7 (2023) 9 and the results published "
    "with its code, IQR / median divided by 1.349",
)
PARTICLE_FLOW = Source("particle flow", "particle flow of CMS, JINST 12 (2017) P10003: composition of a typical jet")
VERTEXING = Source("luminosity", "about 70 % of the interactions have a reconstructed vertex in CMS (luminosity group)")
GEOMETRY = Source("anti-kT", "a lone anti-kT jet has the area pi R^2, JHEP 04 (2008) 063; CMS quotes no mean")

RESOLUTION = {
    22.8: 0.294,
    38.7: 0.227,
    65.5: 0.180,
    111.0: 0.146,
    188.0: 0.116,
    319.0: 0.0940,
    540.0: 0.0782,
    916.0: 0.0655,
    1552.0: 0.0563,
}
"""IQR / median by generator pT (GeV) for |eta| < 2.5, of :data:`STUDY`."""

RESOLUTION_BARREL = {50.0: 0.187, 111.0: 0.137, 245.0: 0.101, 540.0: 0.076, 1192.0: 0.063}
"""The same for |eta| < 1.3, of :data:`RECORD`."""

FLAVOUR = {"u, d": 1.0168, "s": 1.0036, "c": 0.9972, "b": 0.9942, "g": 0.9881}
"""Median response above 30 GeV by flavour, of :data:`STUDY`; u and d agree within 0.001."""

SHARES = {"charged hadrons": 0.65, "photons": 0.25, "neutral hadrons": 0.10}
CONSTITUENTS = 38.0
"""Mean number of particles in the 100 slots of the networks trained on :data:`RECORD`; told by users, not published."""
VERTICES_PER_INTERACTION = 0.70
AREA = 0.503
