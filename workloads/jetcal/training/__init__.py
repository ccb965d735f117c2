"""Fitting a network: shares of the data, losses, epochs, checkpoints, metrics, and processes that share the work."""
