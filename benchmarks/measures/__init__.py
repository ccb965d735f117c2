"""One module for each subject, each with ``measure(quick) -> Iterator[Row]``; ``python -m benchmarks`` runs them."""
