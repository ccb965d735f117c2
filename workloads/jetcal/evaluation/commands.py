"""The command of the evaluation stage: ``jetcal evaluate``."""

from __future__ import annotations

import click


@click.command()
def evaluate() -> None:
    """Judge a candidate model on the test jets: closure, resolution in comparison, flavour; write the report.

    Reads its document from JETCAL_CALIBRATION, as 'jetcal run' and the operator hand it over, and publishes
    <storage>/evaluation/<fingerprint>/result.json with the uris of report.html and metrics.json. A rejected candidate
    is a result too: the command ends with 0 and the result says why.

    \b
    Example (DATASET and EXPORT are the fingerprints of those stages):
      export JETCAL_CALIBRATION='{"stage": "evaluation", "storage": "/data/jec",
        "dataset": "DATASET", "candidate": "EXPORT",
        "acceptance": {"maxNonClosure": 0.02}}'
      jetcal evaluate
    """
    from jetcal import worker

    with worker.stage():
        from jetcal_api.documents import EvaluateInput
        from jetcal_api.results import EvaluateResult

        document = worker.read_input(EvaluateInput)
        result = worker.find_result(document, EvaluateResult)
        if result is None:
            from jetcal.evaluation.stage import run

            result = run(document)
        click.echo("accepted" if result.accepted else "rejected")
        for reason in result.reasons:
            click.echo(f"  {reason}")
        click.echo(f"report: {result.report}")
        worker.finish(result)
