"""The documented physics run: simulation, both networks, the published ones on the same jets, one comparison.

``make physics``, or ``python -m benchmarks.physics``. Every step goes on where an earlier run was stopped. After the
simulation two lanes use a core each: one calibrates with jetcal, the other trains the published networks, which are
given at least the processor time that ours took.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from benchmarks.physics.steps import Failure, Step, Times, run_all, wait_for

HERE = Path(__file__).parent
WORK = HERE.parents[1] / "physics"
JETCAL = str(Path(sys.executable).with_name("jetcal"))
NTUPLES = {
    "ntuples": ("nominal", 300_000, 30),
    "generator": ("generator", 40_000, 4),
    "detector": ("detector", 40_000, 4),
}
"""Folder -> variation of the simulation, jets, files."""
SEED = 11
NETWORKS = ("pfn", "particlenet")


def simulations() -> list[Step]:
    """Every sample, made by two processes."""
    steps = []
    for number, (folder, (variation, jets, files)) in enumerate(NTUPLES.items()):
        options = {"jets": jets, "files": files, "seed": SEED + number, "variation": variation, "processes": 2}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        steps.append(Step(f"simulate-{folder}", (JETCAL, "simulate", str(WORK / folder), *arguments)))
    return [*steps, Step("validate", (JETCAL, "simulate", str(WORK / "ntuples"), "--validate"))]


def calibration(network: str) -> Step:
    """One of our networks, from the ntuples to the report."""
    return Step(f"calibrate-{network}", (JETCAL, "run", str(HERE / f"{network}.yaml")))


def published(network: str, seconds: int) -> Step:
    """One of the published networks, trained for about so many seconds of processor time."""
    command = (sys.executable, "-m", "benchmarks.published.train", network, "--dataset", str(WORK / "pfn"))
    return Step(f"published-{network}", (*command, "--out", str(WORK / f"published-{network}"), f"--seconds={seconds}"))


def learning_curve() -> Step:
    """What more jets of this sample would give."""
    out = WORK / "learning_curve.json"
    command = (sys.executable, "-m", "benchmarks.physics.learning_curve", "--dataset", str(WORK / "pfn"))
    return Step("learning-curve", (*command, "--out", str(out)), made=out)


def comparison(reference: str) -> Step:
    """All four networks on the same test jets in one report, beside one of ours."""
    models = [f"{network}={WORK / network}" for network in NETWORKS]
    for network in NETWORKS:
        folder = WORK / f"published-{network}"
        models.append(f"published-{network}={folder}/model.onnx,{folder}/mapping.yaml")
    given = [part for model in models for part in ("--model", model)]
    out = ("--reference", reference, "--out", str(WORK / f"comparison-{reference}"))
    return Step(f"compare-{reference}", (JETCAL, "evaluate", "--jets", str(WORK / "pfn"), *given, *out))


@click.command()
@click.option("--pfn-seconds", default=1800, show_default=True, help="Processor time of the published PFN.")
@click.option("--particlenet-seconds", default=2700, show_default=True, help="... of the published ParticleNet.")
def main(*, pfn_seconds: int, particlenet_seconds: int) -> None:
    """Simulate 300 000 jets, calibrate with PFN and ParticleNet, train the published networks, compare them."""
    times = Times(WORK / "times.json")
    try:
        run_all(simulations(), WORK, times)
        with ThreadPoolExecutor(2) as lanes:
            ours = lanes.submit(run_all, map(calibration, NETWORKS), WORK, times)
            wait_for(WORK / "pfn" / "dataset", "*/result.json", ours)
            budgets = dict(zip(NETWORKS, (pfn_seconds, particlenet_seconds), strict=True))
            others = [*(published(network, seconds) for network, seconds in budgets.items()), learning_curve()]
            theirs = lanes.submit(run_all, others, WORK, times)
            ours.result()
            theirs.result()
        run_all(map(comparison, NETWORKS), WORK, times)
    except Failure as failure:
        click.echo(str(failure), err=True)
        sys.exit(1)
    click.echo(f"reports: {WORK}/comparison-*/report.html, {WORK}/*/evaluation/*/attempts/*/report.html")


if __name__ == "__main__":
    main()
