"""What the machine is and can do, so that a rate is also a share of the limit."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

PACKAGES = ("torch", "onnxruntime", "numpy", "pyarrow", "uproot", "awkward", "weaver-core", "torch-geometric")
_COPIED = 32_000_000
_SIDE = 2048


def environment() -> dict[str, str | int | float]:
    """Processor, cores, memory, system, versions of what the figures depend on, and how busy others keep it."""
    found: dict[str, str | int | float] = {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "load": round(os.getloadavg()[0], 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }
    return found | {name: version(name) for name in PACKAGES}


def machine_class() -> str:
    """Short name of the kind of machine, for names of files."""
    words = [word for word in processor().replace("(R)", "").replace("(TM)", "").split() if word.isalnum()]
    return f"{'-'.join(words[:4]).lower()}-{len(os.sched_getaffinity(0))}-cores"


def processor() -> str:
    """The model's name as the kernel tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def copy_rate() -> float:
    """Bytes a second that one core reads and writes in large arrays (GB/s)."""
    source = np.ones(_COPIED)
    target = np.empty_like(source)
    return 2 * source.nbytes / 1e9 / _best(lambda: np.copyto(target, source))


def matmul_rate(kind: torch.dtype) -> float:
    """Multiplications and additions a second of one core in square matrices (GFLOP/s)."""
    torch.set_num_threads(1)
    left, right = (torch.rand(_SIDE, _SIDE).to(kind) for _ in range(2))
    return 2 * _SIDE**3 / 1e9 / _best(lambda: torch.mm(left, right))


def _best(work: Callable[[], object], rounds: int = 5) -> float:
    seconds = []
    for _ in range(rounds):
        begin = perf_counter()
        work()
        seconds.append(perf_counter() - begin)
    return min(seconds)
