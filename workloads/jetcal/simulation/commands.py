"""The command ``jetcal simulate``."""

from __future__ import annotations

from pathlib import Path

import click

from jetcal.simulation import VARIATION_NAMES


@click.command()
@click.argument("folder", metavar="OUT", type=click.Path(file_okay=False, path_type=Path))
@click.option("--jets", default=10_000, show_default=True, help="Number of jets in all files together.")
@click.option("--files", default=1, show_default=True, help="Number of ROOT files, JetNtuple_1.root and so on.")
@click.option(
    "--seed", default=1, show_default=True, help="Same seed, same jets; another seed shares nothing, also no pile-up."
)
@click.option("--pileup", default=25.0, show_default=True, help="Mean number of pile-up interactions.")
@click.option("--min-pt", default=15.0, show_default=True, help="Keep jets above this corrected pT, in GeV.")
@click.option("--pool-size", default=5000, show_default=True, help="Minimum-bias events that pile-up is drawn from.")
@click.option(
    "--variation",
    type=click.Choice(VARIATION_NAMES),
    default=VARIATION_NAMES[0],
    show_default=True,
    help="Systematic samples: another tune of the generator, or a shifted detector; the standard correction stays.",
)
@click.option(
    "--validate",
    is_flag=True,
    help="Simulate nothing: hold the jets in OUT against those of CMS, in OUT/validation.html and validation.json.",
)
@click.option("--processes", default=1, show_default=True, help="Processes; each works on one file at a time.")
def simulate(
    *,
    folder: Path,
    jets: int,
    files: int,
    seed: int,
    pileup: float,
    min_pt: float,
    pool_size: int,
    variation: str,
    validate: bool,
    processes: int,
) -> None:
    """Simulate QCD jets in a parametrised detector, written like CERN Open Data record 12100.

    OUT is a folder. Files that are whole are kept, so the same command goes on where an earlier one was stopped.

    \b
    Example: 60000 jets in six files, on two cores
        jetcal simulate jets --jets 60000 --files 6 --processes 2
    """
    if validate:
        from jetcal.simulation.validation.validate import validate as hold_against_cms

        hold_against_cms(folder, report=click.echo)
        return
    from jetcal.simulation.settings import Settings
    from jetcal.simulation.simulate import simulate as run

    settings = Settings(
        jets=jets,
        files=files,
        seed=seed,
        pileup=pileup,
        min_pt=min_pt,
        pool_size=pool_size,
        variation=variation,
    )
    try:
        run(folder, settings, processes, report=click.echo)
    except KeyboardInterrupt:
        click.echo(f"stopped: whole files in {folder} are kept, the same command goes on from there", err=True)
        raise SystemExit(130) from None
