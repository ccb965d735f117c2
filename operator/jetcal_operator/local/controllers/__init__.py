"""The controllers of one machine's cluster: each turns objects of its kinds into processes or other objects."""
