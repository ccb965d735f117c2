"""Train a published network on the train part of a prepared dataset, as its description says.

``python -m benchmarks.published.train pfn --dataset STORAGE --out DIR``. Writes model.onnx, mapping.yaml and
training.json; a training that was stopped goes on after its last finished epoch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import torch
from benchmarks.published import export, inputs
from benchmarks.published.course import NETWORKS, Course, Plan, constant_loss

from jetcal.data import shards
from jetcal.errors import JetcalError
from jetcal.evaluation.comparison.datasets import find_dataset
from jetcal.training.memory import keep_freed_memory

EPOCHS = 50


@click.command()
@click.argument("network", type=click.Choice(sorted(NETWORKS)))
@click.option("--dataset", required=True, help="A calibration's storage; its newest dataset is taken.")
@click.option("--fingerprint", help="Another dataset of that storage.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write.")
@click.option("--epochs", default=EPOCHS, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Processor time to spend, if fewer epochs fit into it; the learning rate falls accordingly.",
)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=1, show_default=True)
def main(
    *,
    network: str,
    dataset: str,
    fingerprint: str | None,
    out: Path,
    epochs: int,
    seconds: float | None,
    threads: int,
    seed: int,
) -> None:
    """Train the published PFN or ParticleNet."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    try:
        prepared = find_dataset(dataset, fingerprint)
        train, validation = (inputs.read(shards.open_part(prepared, part)) for part in ("train", "validation"))
        out.mkdir(parents=True, exist_ok=True)
        plan = Plan(network, prepared.fingerprint, epochs, seconds, seed)
        course = Course.begin(plan, out / "checkpoint.pt")
        for line in course.run(train, validation):
            click.echo(line)
        export.write(course, out, len(train), len(validation), constant_loss(validation))
    except JetcalError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    click.echo(f"{out}: model.onnx and mapping.yaml of epoch {course.best_epoch}, training.json")


if __name__ == "__main__":
    main()
