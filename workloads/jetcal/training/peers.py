"""The processes that train one network together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from jetcal.errors import TransientError

PATIENCE = timedelta(minutes=15)
"""How long a process waits for the others, of which one may be uploading."""
_PAIR = 2


@dataclass(frozen=True)
class Peers:
    """All processes, seen from one.

    Attributes
    ----------
    rank, count
        Number of the process, from 0, and how many there are.
    device
        Where it computes.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes what all have made."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Element-wise sum over all processes; every process gets the same."""
        if self.count == 1:
            return values
        if self.count == _PAIR and self.device.type == "cpu":
            # One exchange in place of the two of a reduction: each is a turn of three threads that the cores must find.
            both = [torch.empty_like(values) for _ in range(_PAIR)]
            dist.all_gather(both, values)
            return both[0].add_(both[1])
        total = values.to(self.device)
        dist.all_reduce(total)
        return total.to(values.device)

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.count > 1:
            dist.barrier()


@contextmanager
def join() -> Iterator[Peers]:
    """Meet the other processes that torchrun has started, or work alone.

    The connections end with the process: to take them down while a peer does the same can abort it.

    Raises
    ------
    TransientError
        If a peer is lost: the controller should start all of them again.
    """
    rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        rank, count = 0, 1
    device = _device()
    if count == 1:
        yield Peers(rank, count, device)
        return
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        yield Peers(rank, count, device)
    except RuntimeError as error:
        if not _tells_of_a_lost_peer(error):
            raise
        message = f"process {rank} of {count} lost a peer ({str(error).splitlines()[0]}); the others' logs tell why"
        raise TransientError(message) from error


def _device() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    torch.cuda.set_device(device)
    return device


def _tells_of_a_lost_peer(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or any(word in str(error) for word in ("gloo", "Connection", "NCCL"))
