"""What an analysis takes away beside the network: residual correction, resolution and uncertainties."""
