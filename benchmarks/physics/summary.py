"""Tables of the physics run, written from its metrics.json files: ``python -m benchmarks.physics.summary OUT.md``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

WORK = Path(__file__).parents[2] / "physics"
NETWORKS = ("pfn", "particlenet")
FLAVOURS = ("all", "uds", "c", "b", "g")
PT_RANGES = ((30.0, None), (30.0, 50.0), (50.0, 100.0), (100.0, 300.0), (300.0, 1000.0), (1000.0, None))
Row = dict[str, Any]


def evaluated(network: str) -> dict[str, Any]:
    """The metrics of one of our calibrations."""
    (result,) = (WORK / network / "evaluation").glob("*/result.json")
    found: dict[str, Any] = json.loads(Path(json.loads(result.read_text())["metrics"]).read_text())
    return found


def compared(network: str) -> dict[str, Any]:
    """The comparison beside one of our networks."""
    found: dict[str, Any] = json.loads((WORK / f"comparison-{network}" / "metrics.json").read_text())
    return found


def pick(rows: Iterable[Row], **wanted: Any) -> Row | None:
    """The one row with these values; None if there is none."""
    found = [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]
    return found[0] if found else None


def percent(row: Row | None, name: str) -> str:
    """Value ± error of a row in percent."""
    if row is None or row[name] is None:
        return "-"
    return f"{100 * row[name]:.1f} ± {100 * row[f'{name}_error']:.1f}"


def number(row: Row | None, name: str) -> str:
    """Value ± error of a row."""
    return "-" if row is None or row[name] is None else f"{row[name]:.4f} ± {row[f'{name}_error']:.4f}"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Markdown."""
    names = list(header)
    lines = [names, ["---"] * len(names), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def by_range(cell: Callable[[tuple[float, float | None], str], str], columns: Iterable[str]) -> str:
    """One row for each published range of generator pT, all |eta|."""
    names = list(columns)
    return table(
        ("generator pT [GeV]", *names), ((_range(pt), *(cell(pt, name) for name in names)) for pt in PT_RANGES)
    )


def gains(network: str) -> str:
    """Gain in resolution over the standard correction by flavour."""
    metrics = evaluated(network)
    whole = _whole_eta(metrics)

    def cell(pt: tuple[float, float | None], flavour: str) -> str:
        wanted = {"abs_eta": whole, "pt": list(pt), "flavour": flavour, "reference": "standard"}
        return percent(pick(metrics["gain"], correction="network", **wanted), "gain")

    return by_range(cell, FLAVOURS)


def closure(network: str) -> str:
    """Median response before the network, after it, and after the residual, in the bins of the collaboration."""
    metrics = evaluated(network)
    rows = []
    for row in metrics["response"]:
        if row["flavour"] == "all" and row["correction"] == "network" and _is_barrel_or_endcap(row):
            where = {"abs_eta": row["abs_eta"], "pt": row["pt"], "flavour": "all"}
            cells = [
                number(pick(metrics["response"], correction=name, **where), "median")
                for name in ("standard", "network", "calibrated")
            ]
            rows.append((_range(row["abs_eta"]), _range(row["pt"]), str(row["jets"]), *cells))
    return table(("abs(eta)", "generator pT [GeV]", "jets", "standard", "network", "network + residual"), rows)


def spreads(network: str) -> str:
    """Flavour spread, and the factor by which it is smaller than the standard correction's."""
    metrics = evaluated(network)
    whole = _whole_eta(metrics)

    def cell(pt: tuple[float, float | None], column: str) -> str:
        wanted = {"abs_eta": whole, "pt": list(pt)}
        if column == "reduction factor":
            return number(pick(metrics["flavour_spread"], correction="network", **wanted), "spread_reduction")
        correction = "standard" if column == "standard (%)" else "network"
        return percent(pick(metrics["flavour_spread"], correction=correction, **wanted), "flavour_spread")

    return by_range(cell, ("standard (%)", "network (%)", "reduction factor"))


def beside(network: str) -> str:
    """Gain in resolution over the published network on the same test jets."""
    metrics = compared(network)
    whole = _whole_eta(metrics)

    def cell(pt: tuple[float, float | None], column: str) -> str:
        wanted = {"abs_eta": whole, "pt": list(pt), "flavour": "all"}
        ours, _, other = column.partition(" over ")
        return percent(pick(metrics["gain"], correction=ours, reference=other, **wanted), "gain")

    published = f"published-{network}"
    return by_range(cell, (f"{network} over standard", f"{published} over standard", f"{network} over {published}"))


def _whole_eta(metrics: dict[str, Any]) -> list[float]:
    widest: list[float] = max((row["abs_eta"] for row in metrics["response"]), key=lambda eta: eta[1] - eta[0])
    return widest


def _is_barrel_or_endcap(row: Row) -> bool:
    return row["abs_eta"] in ([0.0, 1.3], [1.3, 2.5]) and row["pt"][1] is not None and tuple(row["pt"]) not in PT_RANGES


def _range(ends: tuple[float, float | None] | list[float]) -> str:
    low, high = ends
    return f"> {low:g}" if high is None else f"{low:g}-{high:g}"


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def main(out: Path) -> None:
    """Write the tables of the physics run."""
    parts = []
    for network in NETWORKS:
        if not (WORK / network / "evaluation").exists():
            continue
        parts += [
            f"## {network}\n",
            "Gain in resolution over the standard correction (%), by flavour:\n",
            gains(network),
            "Flavour spread, largest minus smallest median response of uds, c, b, g:\n",
            spreads(network),
            "Median response:\n",
            closure(network),
        ]
        if (WORK / f"comparison-{network}").exists():
            parts += ["Gain in resolution (%) beside the published network, paired errors:\n", beside(network)]
    out.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
