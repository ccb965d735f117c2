"""Commands of the dataset stage, ``jetcal inventory`` and ``jetcal prepare``, and ``jetcal prune``."""

from __future__ import annotations

import os

import click


@click.command()
def inventory() -> None:
    """Find the input files that spec.dataset.files names and fix what is prepared.

    Reads its document from JETCAL_CALIBRATION, as 'jetcal run' and the operator hand it over, and publishes
    <storage>/inventory/<fingerprint>/result.json.

    \b
    Example:
      JETCAL_CALIBRATION='{"stage": "inventory", "storage": "/data/jec", "files": ["/data/ntuples/*.root"]}' \\
        jetcal inventory
    """
    from jetcal import worker

    with worker.stage():
        from jetcal.data.inventory import take
        from jetcal_api.documents import InventoryInput
        from jetcal_api.results import InventoryResult

        document = worker.read_input(InventoryInput)
        result = worker.find_result(document, InventoryResult)
        if result is None:
            from jetcal.data.inventory import take

            result = take(document)
        click.echo(f"{result.files} files, {result.size / 1e6:.1f} MB, to be prepared in {result.shards} parts")
        worker.finish(result)


@click.command()
def prepare() -> None:
    """Read the input files once and write the jets for training, validation and test.

    Reads its document from JETCAL_CALIBRATION. JOB_COMPLETION_INDEX chooses one part; without it all parts are made, on
    all cores. Whoever finds all parts made publishes <storage>/dataset/<fingerprint>/result.json.

    \b
    Example (SOURCES and the number of shards as 'jetcal inventory' found them):
      JETCAL_CALIBRATION='{"stage": "dataset", "storage": "/data/jec", "sources": "SOURCES", "shards": 4,
        "tree": "AK4jets/jetTree", "jets": {}, "split": {}}' \\
        jetcal prepare
    """
    from jetcal import worker

    with worker.stage():
        from jetcal.data.parallel import prepare_parts
        from jetcal.data.prepare import merge
        from jetcal_api.documents import PrepareInput
        from jetcal_api.results import PrepareResult

        document = worker.read_input(PrepareInput)
        result = worker.find_result(document, PrepareResult)
        if result is None:
            from jetcal.data.parallel import prepare_parts
            from jetcal.data.prepare import merge

            for index, part in prepare_parts(document, _indices(document.shards)):
                kept = part.jets.train + part.jets.validation + part.jets.test
                click.echo(f"part {index + 1} of {document.shards}: {kept} of {part.read} jets")
            result = merge(document)
        if result is None:
            click.echo("other parts are still being made; the last one publishes the dataset")
            return
        jets, cuts = result.jets, ", ".join(f"{cut.removed} '{cut.name}'" for cut in result.cuts)
        click.echo(f"{jets.train} jets for training, {jets.validation} for validation, {jets.test} for test")
        click.echo(f"of {result.read} jets read these failed: {cuts}")
        worker.finish(result)


@click.command()
@click.argument("storage")
@click.option("--older-than", default=24.0, show_default=True, help="Hours without a new file in an attempt.")
@click.option("--yes", is_flag=True, help="Delete; without it, only list what would go.")
def prune(storage: str, older_than: float, yes: bool) -> None:  # noqa: FBT001  # click passes options by name
    """Delete what killed or outrun attempts have left in STORAGE (an absolute path or s3://bucket/prefix).

    An attempt goes when its stage has a result, no result speaks of it, and it has got no file for a while. Results and
    what they name always stay.

    \b
    Example:
      jetcal prune s3://jec/ak4-chs
      jetcal prune s3://jec/ak4-chs --older-than 48 --yes
    """
    from jetcal import worker

    with worker.stage():
        import time

        from jetcal.data.prune import abandoned, remove

        found = abandoned(storage, before=time.time() - 3600 * older_than)
        for attempt in found:
            click.echo(f"{attempt.uri}  {attempt.size / 1e6:.1f} MB")
            if yes:
                remove(attempt)
        done = "deleted" if yes else "would be deleted; add --yes to do it"
        click.echo(f"{len(found)} attempts, {sum(attempt.size for attempt in found) / 1e6:.1f} MB {done}")


def _indices(shards: int) -> range:
    from jetcal.errors import JetcalError

    given = os.environ.get("JOB_COMPLETION_INDEX")
    if given is None:
        return range(shards)
    if not given.isdecimal() or int(given) >= shards:
        error = f"JOB_COMPLETION_INDEX is '{given}', the dataset has parts 0 to {shards - 1}"
        raise JetcalError(error)
    return range(int(given), int(given) + 1)
