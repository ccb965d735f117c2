"""What a sample can be made with: the nominal model, another generator tune, a shifted detector."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jetcal.simulation.calorimeter import CALORIMETER, CalorimeterModel
from jetcal.simulation.flight import FLIGHT, FlightModel
from jetcal.simulation.tracker import TRACKER, TrackerModel

NOMINAL = "nominal"


@dataclass(frozen=True)
class Detector:
    """The models of all parts."""

    flight: FlightModel = FLIGHT
    tracker: TrackerModel = TRACKER
    calorimeter: CalorimeterModel = CALORIMETER


@dataclass(frozen=True)
class Variation:
    """One way to make jets; all pass the same standard correction.

    Attributes
    ----------
    generator
        Lines that hard events' Pythia reads after the nominal ones; pile-up stays nominal.
    detector
        The detector that all particles pass.
    """

    generator: tuple[str, ...] = ()
    detector: Detector = Detector()


VARIATIONS = {
    NOMINAL: Variation(),
    "generator": Variation(generator=("Tune:pp = 21", "Tune:ee = 3")),
    "detector": Variation(
        detector=Detector(
            flight=replace(FLIGHT, radiation_lengths=1.1 * FLIGHT.radiation_lengths),
            tracker=replace(TRACKER, efficiency=0.98 * TRACKER.efficiency),
            calorimeter=replace(
                CALORIMETER,
                hadron_scale=0.97,
                photon_scale=0.99,
                hadron_stochastic=1.1 * CALORIMETER.hadron_stochastic,
                tower_noise=1.2 * CALORIMETER.tower_noise,
            ),
        )
    ),
}
"""``generator``: initial and final state radiation and multiple interactions of A14 (ATL-PHYS-PUB-2014-021), with the
hadronisation that was tuned to LEP before Monash, so that quark and gluon jets have other particles. ``detector``: 3 %
less hadron response, 1 % less photon response, 2 % fewer tracks, 10 % more material in the centre, 10 % wider showers
and 20 % more noise, about as far as test beams and data leave such parameters open."""
