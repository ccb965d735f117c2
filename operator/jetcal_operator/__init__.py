"""The operator: decides what a JetCalibration needs next, and acts on a cluster or on one machine."""
