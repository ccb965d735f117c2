"""From a checkpoint to a Triton model repository."""
