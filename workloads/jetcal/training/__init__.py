"""Fitting a network with one process or many."""
