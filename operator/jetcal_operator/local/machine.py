"""What the machine has, and who may use how much of it at once."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jetcal_operator.stages.pods import GPU

_FACTORS = {"": 1.0, "m": 1e-3} | {
    unit: factor**power
    for power, letter in enumerate("KMGT", start=1)
    for unit, factor in ((letter, 1000.0), (f"{letter}i", 1024.0))
}
_FACTORS["k"] = _FACTORS.pop("K")
_QUANTITY = re.compile(r"([0-9.]+)([A-Za-z]*)")
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def quantity(text: str) -> float:
    """A Kubernetes quantity: ``500m`` cores is 0.5, ``4Gi`` is 4294967296 bytes.

    Raises
    ------
    ValueError
        If it is none.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in _FACTORS:
        message = f"{text!r} is no quantity"
        raise ValueError(message)
    return float(match[1]) * _FACTORS[match[2]]


class Amounts(NamedTuple):
    """Cores, bytes of memory and GPUs."""

    cpu: float
    memory: float
    gpus: int

    @classmethod
    def requested(cls, container: Mapping[str, Any], replicas: int = 1) -> Amounts:
        """What ``replicas`` of a container ask for together."""
        requests = (container.get("resources") or {}).get("requests") or {}
        return cls(
            cpu=quantity(str(requests.get("cpu", "0"))) * replicas,
            memory=quantity(str(requests.get("memory", "0"))) * replicas,
            gpus=int(requests.get(GPU, 0)) * replicas,
        )

    def __str__(self) -> str:
        gpus = f", {self.gpus} GPUs" if self.gpus else ""
        return f"{self.cpu:g} cores, {self.memory / 2**30:.3g} GiB{gpus}"


@dataclass(frozen=True)
class Share:
    """What a worker got."""

    cpu: float
    gpus: tuple[str, ...]
    """Devices as CUDA_VISIBLE_DEVICES names them."""


def installed() -> tuple[Amounts, tuple[str, ...]]:
    """What this process may use of the machine, and the names of its GPUs."""
    import psutil  # noqa: PLC0415  # not needed by those who only look at the state

    memory = float(psutil.virtual_memory().total)
    if _CGROUP_LIMIT.exists() and (limit := _CGROUP_LIMIT.read_text().strip()).isdecimal():
        memory = min(memory, float(limit))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        gpus = tuple(name for name in visible.split(",") if name.strip())
    else:
        gpus = tuple(sorted(path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")))
    return Amounts(float(len(os.sched_getaffinity(0))), memory, len(gpus)), gpus


class Machine:
    """Hands out cores, memory and GPUs; who asks for more than is free waits, in the order of asking.

    Parameters
    ----------
    total, gpus
        As ``installed`` gives them.
    warn
        Is told once of each request that is larger than the machine.
    """

    def __init__(self, total: Amounts, gpus: tuple[str, ...], warn: Callable[[str], None]) -> None:
        self.total = total
        self._free_cpu, self._free_memory, self._free_gpus = total.cpu, total.memory, list(gpus)
        self._warn = warn
        self._warned: set[Amounts] = set()
        self._turn = asyncio.Lock()
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def reserve(self, wanted: Amounts) -> AsyncIterator[Share]:
        """Hold a share for as long as the block runs."""
        amounts = self._clamped(wanted)
        async with self._turn, self._freed:
            await self._freed.wait_for(lambda: self._fits(amounts))
            self._free_cpu -= amounts.cpu
            self._free_memory -= amounts.memory
            devices = [self._free_gpus.pop(0) for _ in range(amounts.gpus)]
        try:
            yield Share(amounts.cpu, tuple(devices))
        finally:
            self._free_cpu += amounts.cpu
            self._free_memory += amounts.memory
            self._free_gpus = sorted([*self._free_gpus, *devices])
            async with self._freed:
                self._freed.notify_all()

    def _fits(self, amounts: Amounts) -> bool:
        rounding = 1e-6
        return (
            amounts.cpu <= self._free_cpu + rounding
            and amounts.memory <= self._free_memory + rounding
            and amounts.gpus <= len(self._free_gpus)
        )

    def _clamped(self, wanted: Amounts) -> Amounts:
        clamped = Amounts(
            min(wanted.cpu, self.total.cpu), min(wanted.memory, self.total.memory), min(wanted.gpus, self.total.gpus)
        )
        if clamped != wanted and wanted not in self._warned:
            self._warned.add(wanted)
            self._warn(f"{wanted} are asked for, this machine has {self.total}: going on with {clamped}")
        return clamped
