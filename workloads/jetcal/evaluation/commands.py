"""The command of the evaluation stage, ``jetcal evaluate``, which also compares models by hand."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--jets",
    "places",
    multiple=True,
    metavar="PLACE",
    help="Jets to compare on: a calibration's storage (its test part), or ROOT files and globs (all selected jets).",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME=ADDRESS",
    help="An export, storage or model.onnx (path or s3://), a server (http://, grpc://), or FILE.onnx,MAPPING.yaml.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to write the comparison to.")
@click.option("--reference", help="Name of the model that the others are compared with; by default the first.")
@click.option("--dataset", help="Fingerprint of a dataset in the storage; by default the newest.")
@click.option(
    "--calibration",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Resource whose tree, columns and selection are those of the ROOT files.",
)
@click.option("--tree", help="Path of the tree in the ROOT files.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of ONNX Runtime; by default one a core.")
@click.pass_context
def evaluate(
    context: click.Context,
    *,
    places: tuple[str, ...],
    models: tuple[str, ...],
    out: Path | None,
    reference: str | None,
    dataset: str | None,
    calibration: Path | None,
    tree: str | None,
    threads: int | None,
) -> None:
    """Judge a candidate model on the test jets, or compare any number of models on any jets; write the report.

    Without options it is the evaluation stage: it reads its document from JETCAL_CALIBRATION, as 'jetcal run' and the
    operator hand it over, and publishes <storage>/evaluation/<fingerprint>/result.json with the uris of report.html and
    metrics.json. A rejected candidate is a result too: the command ends with 0 and the result says why.

    With --jets, --model and --out it compares: report.html, metrics.json and plots/ show all models side by side, with
    paired errors; nothing is judged. docs/comparing.md tells how networks made elsewhere take part.

    \b
    Examples (DATASET and EXPORT are the fingerprints of those stages):
      export JETCAL_CALIBRATION='{"stage": "evaluation", "storage": "/data/jec",
        "dataset": "DATASET", "candidate": "EXPORT",
        "acceptance": {"maxNonClosure": 0.02}}'
      jetcal evaluate

    \b
      jetcal evaluate --jets /data/jec --out compare \\
        --model ours=/data/jec/export/EXPORT --model served=http://localhost:8000 \\
        --model published=pfn.onnx,mapping.yaml
    """
    if not any(value for name, value in context.params.items() if name != "threads"):
        _stage()
        return
    missing = [option for option, given in (("--jets", places), ("--model", models), ("--out", out)) if not given]
    if missing or out is None:
        message = f"a comparison needs {' and '.join(missing)}; without any option this is the stage of a calibration"
        raise click.UsageError(message)
    from jetcal.evaluation.comparison.compare import compare
    from jetcal.evaluation.comparison.compared_jets import find_jets
    from jetcal.evaluation.comparison.compared_models import open_models

    opened = open_models(models, threads)
    first = reference or next(iter(opened))
    if first not in opened:
        message = f"--reference {first}: is none of the models {', '.join(opened)}"
        raise click.UsageError(message)
    jets = find_jets(places, dataset=dataset, calibration=calibration, tree=tree)
    done = compare(jets, opened, first, out)
    for statement in done.statements:
        click.echo(statement)
    click.echo(f"report: {done.report}")


def _stage() -> None:
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
