"""Command of the export stage: ``jetcal export``."""

from __future__ import annotations

import click


@click.command()
def export() -> None:
    """Turn the trained network, or the networks of an ensemble, into one model that Triton serves.

    Reads its document from JETCAL_CALIBRATION, as 'jetcal run' and the operator hand it over, and publishes
    <storage>/export/<fingerprint>/result.json: the uris of model repository, golden sample and model card. Fails if
    ONNX Runtime does not reproduce torch on the golden sample.

    \b
    Example (DATASET and TRAINING as the stages before published them):
      JETCAL_CALIBRATION='{"stage": "export", "storage": "/data/jec", "dataset": "DATASET", "opset": 20, "ir": 10,
        "source": {"stage": "training", "fingerprint": "TRAINING"}}' \\
        jetcal export
    """
    from jetcal import worker

    with worker.stage():
        from jetcal_api.documents import ExportInput
        from jetcal_api.results import ExportResult

        document = worker.read_input(ExportInput)
        result = worker.find_result(document, ExportResult)
        if result is None:
            from jetcal.export.stage import export as make

            result = make(document)
        networks = f"{result.members} networks, " if result.members > 1 else ""
        click.echo(f"{result.repository}: {networks}opset {result.opset}, IR {result.ir}, sha256 {result.sha256}")
        click.echo(
            f"ONNX Runtime and torch: {result.parity['share_within_1e5']:.2%} of the golden jets within 1e-5, "
            f"largest relative difference {result.parity['max_relative']:.2g}"
        )
        worker.finish(result)
