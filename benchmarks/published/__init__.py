"""The published networks for jet energy corrections, trained on our sample as others would: the peers to beat.

They follow the description in Holmberg, Golubovic, Kirschenmann, Comput. Softw. Big Sci. 7 (2023) 9
(doi 10.1007/s41781-023-00103-y): hyperparameters, inputs, loss and schedule. ``python -m benchmarks.published.train``
trains one; ``jetcal evaluate`` compares it with others (docs/comparing.md).
"""
