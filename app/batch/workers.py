"""A folder shared among processes, one a device, and watched: one that dies leaves the others at work."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch

from app.batch import store
from app.batch.index import write
from app.batch.job import Job
from app.batch.rendering import Progress, run
from app.batch.sources import find_sources
from engine.device import best_device, choose_device
from engine.types import UserError

Message = Progress | str  # a string ends a share early: what went wrong


def devices_for(workers: int | None, device: str) -> list[str]:
    """One device a process. workers None: as many as there are GPUs to be chosen from, else one. Raises UserError."""
    where = best_device() if device == "auto" else choose_device(device)
    if where.type == "cpu":
        return ["cpu"] * (workers or 1)
    each = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if where.type != "cuda" or where.index is not None:
        each = [str(where)]
    if workers and workers > len(each):
        raise UserError(
            f"--workers {workers} is more than the {len(each)} devices that --device {device} offers. "
            "Give fewer, or auto: one a device."
        )
    return each[: workers or len(each)]


def torchrun_share(environment: Mapping[str, str], job: Job) -> Job:
    """The job as torchrun's environment divides it: its place among the processes, and its GPU. Raises UserError.

    See "Environment Variables" in PyTorch's documentation of torchrun (torch.distributed.run).
    """
    if "RANK" not in environment or "WORLD_SIZE" not in environment:
        return job
    try:
        rank, processes = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        local = int(environment.get("LOCAL_RANK", rank))
    except ValueError:
        rank = processes = local = 0
    if not 0 <= rank < processes:
        raise UserError(
            f"RANK {environment['RANK']} of WORLD_SIZE {environment['WORLD_SIZE']} is no share. "
            "Start it with torchrun, or without these variables."
        )
    where = best_device() if job.device == "auto" else choose_device(job.device)
    device = job.device
    if where.type == "cuda" and where.index is None:
        device = f"cuda:{local % torch.cuda.device_count()}"  # one GPU may be all that a process is shown
    return job.share(rank, processes, device)


def run_on(devices: list[str], job: Job) -> Generator[Progress]:
    """`run` in a process a device: their progress as one. What ends a share early is told as a problem.

    Closing it ends the processes; they end by themselves where this one is killed.
    """
    store.begin(job.out, job.settings.to_dict(), job.again)
    crew = Crew(devices, job, len(find_sources(job.maps, job.out).sources))
    try:
        yield from crew.progress()
    finally:
        crew.end()
        store.sweep(job.out)
        write(job.out)


class Crew:
    """The processes, what each said last, and which are still at work."""

    def __init__(self, devices: list[str], job: Job, maps: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share CUDA's state and PyTorch's threads
        threads = max(1, torch.get_num_threads() // len(devices))
        self.devices = devices
        self.processes: list[BaseProcess] = []
        self.ends: dict[Connection, int] = {}
        self.last = [Progress(0, len(range(rank, maps, len(devices)))) for rank in range(len(devices))]
        with _interrupts_ignored():  # by the processes too, which inherit it: Ctrl+C is for this one to pass on
            for rank, device in enumerate(devices):
                ours, theirs = context.Pipe(duplex=False)
                share = job.share(rank, len(devices), device)
                process = context.Process(
                    target=work, args=(share, threads, theirs), name=f"worker {rank + 1}", daemon=True
                )
                process.start()
                theirs.close()  # so that its end is seen when the process ends
                self.processes.append(process)
                self.ends[ours] = rank

    def progress(self) -> Generator[Progress]:
        while self.ends:
            for end in wait(list(self.ends)):
                rank = self.ends[end]
                try:
                    said: Message = end.recv()
                except EOFError:
                    said = self.how_it_ended(rank)
                if isinstance(said, Progress):
                    self.last[rank] = said
                    yield replace(self.total(), text=said.text, problem=said.problem)
                else:
                    del self.ends[end]
                    if said:
                        yield replace(self.total(), problem=f"Worker {rank + 1} ({self.devices[rank]}): {said}")

    def how_it_ended(self, rank: int) -> str:
        """Of a process that said nothing of it."""
        self.processes[rank].join()
        last, code = self.last[rank], self.processes[rank].exitcode
        how = f"killed by signal {-code}" if code and code < 0 else f"ended with status {code}"
        return f"{how}, {last.done} of its {last.maps} maps done. The same command goes on with the rest."

    def total(self) -> Progress:
        fields = ("done", "maps", "worked", "current", "made", "kept")
        return Progress(**{name: sum(getattr(each, name) for each in self.last) for name in fields})

    def end(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()


def work(job: Job, threads: int, end: Connection) -> None:
    """What a process does: its share, told through `end`; last an empty string, or what went wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if job.device == "cpu":
        torch.set_num_threads(threads)
    try:
        with closing(run(job)) as progress:
            for each in progress:
                end.send(each)
        end.send("")
    except ConnectionError:  # nobody listens any more: the process that watches was killed
        return
    except Exception as error:
        end.send(str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only the main thread may say
        yield
        return
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
