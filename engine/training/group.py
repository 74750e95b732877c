"""Several processes that learn together (PyTorch's DistributedDataParallel, started by torchrun), or one alone."""

from __future__ import annotations

import contextlib
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engine.device import best_device
from engine.types import UserError

PATIENCE = timedelta(hours=2)  # the others wait while the first validates, and while it looks at the data


@dataclass(frozen=True)
class Group:
    """This process's place in it. The first one leads: it alone writes files and decides when to stop."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    @property
    def rows(self) -> slice:
        """This process's share of a batch."""
        return slice(self.rank, None, self.size)

    def check_batch(self, batch: int) -> None:
        """Raises UserError where a batch can't be shared out evenly."""
        if batch % self.size:
            raise UserError(
                f"A batch of {batch} can't be shared out evenly among {self.size} processes. "
                f"Use --batch {self.size * max(1, round(batch / self.size))}."
            )

    def wrapped(self, module: nn.Module) -> nn.Module:
        """The module with its gradients averaged over the group after each backward pass."""
        return DistributedDataParallel(module) if self.size > 1 else module

    def apart(self, module: nn.Module) -> AbstractContextManager:
        """Where gradients add up in this process alone, until the pass after."""
        return module.no_sync() if isinstance(module, DistributedDataParallel) else contextlib.nullcontext()

    def mean(self, value: Tensor) -> Tensor:
        """Of a value that each process has."""
        if self.size > 1:
            dist.all_reduce(value)
            value /= self.size
        return value

    def agreed(self, answer: bool, device: torch.device) -> bool:
        """The leader's answer."""
        if self.size == 1:
            return answer
        flag = torch.tensor([answer], dtype=torch.uint8, device=device)
        dist.broadcast(flag, 0)
        return bool(flag.item())

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            dist.barrier()

    def leave(self) -> None:
        if self.size > 1:
            dist.destroy_process_group()


ALONE = Group()


def joined() -> Group:
    """The group that torchrun has started this process in, or ALONE."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return ALONE
    on_gpu = best_device().type == "cuda"
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    return Group(dist.get_rank(), dist.get_world_size())
