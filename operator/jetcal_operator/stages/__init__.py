"""The stages of a calibration, pure: one module each."""
