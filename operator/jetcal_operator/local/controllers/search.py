"""The next trial's hyperparameters, by Optuna; the same experiment gets the same suggestions on every run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

ALGORITHMS = ("random", "tpe")
_SETTINGS: dict[str, dict[str, type]] = {
    "random": {"random_state": int},
    "tpe": {"random_state": int, "n_EI_candidates": int},
}
TPE_CANDIDATES = 24
"""Points among which tpe picks the most promising one, if no setting says otherwise."""


class SearchError(ValueError):
    """The experiment cannot be searched on one machine; the message is one sentence."""


class Finished(NamedTuple):
    """A trial that reported its objective."""

    assignments: Mapping[str, str]
    objective: float


def check_algorithm(algorithm: str) -> None:
    """Raise `SearchError` for an algorithm that only a cluster has."""
    if algorithm not in ALGORITHMS:
        message = (
            f"the algorithm {algorithm} is Katib's on a cluster; 'jetcal run' searches with {' or '.join(ALGORITHMS)}: "
            "set spec.tuning.algorithm.name to one of them"
        )
        raise SearchError(message)


def check(spec: Mapping[str, Any]) -> None:
    """Raise `SearchError` if ``suggest`` could not serve such an Experiment."""
    check_algorithm(spec["algorithm"]["algorithmName"])
    _settings(spec)
    for parameter in spec["parameters"]:
        distribution = parameter["feasibleSpace"].get("distribution", "uniform")
        if distribution not in ("uniform", "logUniform"):
            message = f"the distribution {distribution} of {parameter['name']} is Katib's on a cluster; use uniform"
            raise SearchError(message)


def learns(spec: Mapping[str, Any]) -> bool:
    """Whether suggestions depend on the trials before."""
    return bool(spec["algorithm"]["algorithmName"] == "tpe")


def suggest(name: str, spec: Mapping[str, Any], index: int, finished: Sequence[Finished]) -> list[dict[str, str]]:
    """``parameterAssignments`` of the trial number ``index``, counted from 0.

    Parameters
    ----------
    name, spec
        Of the Experiment; the seed, unless the setting random_state is given.
    finished
        Trials to learn from.
    """
    import optuna  # noqa: PLC0415  # takes most of a second, and a finished calibration needs none of it

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {entry["name"]: _distribution(entry) for entry in spec["parameters"]}
    study = optuna.create_study(sampler=_sampler(name, spec, index), direction=spec["objective"]["type"])
    for trial in finished:
        values = {key: _parse(distributions[key], text) for key, text in trial.assignments.items()}
        study.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, value=trial.objective))
    asked = study.ask(fixed_distributions=distributions)
    return [{"name": key, "value": _text(asked.params[key])} for key in distributions]


def _sampler(name: str, spec: Mapping[str, Any], index: int) -> BaseSampler:
    import optuna  # noqa: PLC0415  # see suggest

    given = _settings(spec)
    material = f"{given.get('random_state', name)}/{index}"
    seed = int.from_bytes(hashlib.sha256(material.encode()).digest()[:4])
    if spec["algorithm"]["algorithmName"] == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_ei_candidates=given.get("n_EI_candidates", TPE_CANDIDATES))


def _settings(spec: Mapping[str, Any]) -> dict[str, Any]:
    algorithm = spec["algorithm"]["algorithmName"]
    known = _SETTINGS[algorithm]
    values = {}
    for entry in spec["algorithm"].get("algorithmSettings", []):
        name, text = entry["name"], entry["value"]
        if name not in known:
            message = f"the setting {name} of {algorithm} is unknown to 'jetcal run', which knows {', '.join(known)}"
            raise SearchError(message)
        try:
            values[name] = known[name](text)
        except ValueError as error:
            message = f"the setting {name} of {algorithm} must be a number, got {text!r}"
            raise SearchError(message) from error
    return values


def _distribution(parameter: Mapping[str, Any]) -> BaseDistribution:
    from optuna import distributions  # noqa: PLC0415  # see suggest

    space = parameter["feasibleSpace"]
    kind = parameter["parameterType"]
    if kind in ("discrete", "categorical"):
        return distributions.CategoricalDistribution(tuple(space["list"]))
    log = space.get("distribution") == "logUniform"
    step = space.get("step")
    if kind == "int":
        return distributions.IntDistribution(int(space["min"]), int(space["max"]), log=log, step=int(step or 1))
    return distributions.FloatDistribution(
        float(space["min"]), float(space["max"]), log=log, step=float(step) if step else None
    )


def _parse(distribution: BaseDistribution, text: str) -> Any:
    from optuna import distributions  # noqa: PLC0415  # see suggest

    if isinstance(distribution, distributions.IntDistribution):
        return int(text)
    return float(text) if isinstance(distribution, distributions.FloatDistribution) else text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
