"""The networks and their features."""
