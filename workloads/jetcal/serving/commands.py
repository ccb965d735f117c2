"""Commands that ask a model: ``jetcal verify`` and ``jetcal predict``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--wait",
    "seconds",
    default=300.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="How long to wait until the endpoint is ready, in seconds.",
)
def verify(seconds: float) -> None:
    """Check that an endpoint serves the exported model and reproduces its golden predictions.

    Reads its document from JETCAL_CALIBRATION, as 'jetcal run' and the operator hand it over.

    \b
    Example (EXPORT is the fingerprint of the export stage):
      JETCAL_CALIBRATION='{"stage": "verification", "storage": "/data/jec", "export": "EXPORT",
        "url": "http://localhost:8000", "tritonVersion": "26.06-py3"}' \\
        jetcal verify
    """
    from jetcal import worker

    with worker.stage():
        from jetcal.serving.verification import verify as check
        from jetcal_api.documents import VerifyInput

        document = worker.read_input(VerifyInput)
        result = check(document, seconds)
        click.echo(
            f"{result.uri}: Triton {result.server_version} (wanted release {document.triton_version}) serves revision "
            f"{result.revision}; {result.jets} golden jets agree, largest relative difference {result.max_relative:.2g}"
        )
        worker.finish(result)


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--model", help="Path or s3:// uri of a model.onnx, a model repository, an export or a calibration's storage."
)
@click.option("--url", help="Address of a Triton server: http://host:port, or grpc://host:port, which is quicker.")
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write, .root or .parquet.",
)
@click.option(
    "--calibration",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Resource whose tree and columns are those of the ROOT files.",
)
@click.option("--tree", help="Path of the tree in each ROOT file; by default the resource's, else AK4jets/jetTree.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of ONNX Runtime; by default one a core.")
def predict(
    inputs: tuple[str, ...],
    *,
    model: str | None,
    url: str | None,
    output: Path,
    calibration: Path | None,
    tree: str | None,
    threads: int | None,
) -> None:
    """Correct the jets of ROOT files by an exported or a served model.

    INPUTS are paths, globs or uris (s3://, https://, root://). All entries are kept, also jets without generator jet,
    with all branches that hold one number; added are correction, correction_down, correction_up (median, 16 % and 84 %
    quantile of pT_gen / pT_raw), correction_spread (of an ensemble: standard deviation of ln(correction) over its
    members), correction_valid, jetPtCorrected and jetMassCorrected (GeV). A jet outside the range of the training keeps
    its raw pT: correction 1, correction_valid false. Where the resource of --calibration makes an entry an event, they
    are lists in the order of its jets, and the lists of its jets are kept too.

    \b
    Example:
      jetcal predict demo/ntuples/*.root --model demo/storage -o corrected.root
      jetcal predict jets.root --url http://localhost:8000 -o corrected.parquet
      jetcal predict nano.root --calibration pfnano.yaml --model demo/storage -o corrected.root
    """
    if (model is None) == (url is None):
        message = "give either --model (an exported model) or --url (a Triton server)"
        raise click.UsageError(message)
    from jetcal.documents import find_reading
    from jetcal.serving.corrector import Corrector
    from jetcal.serving.prediction import predict as correct
    from jetcal.serving.triton import TritonModel

    corrector = Corrector(TritonModel(url)) if url else Corrector.load(model or "", threads)
    summary = correct(inputs, find_reading(calibration, tree), corrector.model, output)
    click.echo(f"{output}: {summary.jets} jets")
    if summary.without:
        click.echo(f"{summary.without} of them have no correction (NaN): raw pT not positive or a value not finite")
    if summary.outside:
        message = (
            f"Warning: {summary.outside} of {summary.jets} jets lie outside the range of the training and keep their "
            f"raw pT (correction 1, correction_valid false)"
        )
        click.echo(message, err=True)
