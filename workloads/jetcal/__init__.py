"""The worker: physics of a jet energy calibration, from ROOT ntuples to a served and judged model."""
