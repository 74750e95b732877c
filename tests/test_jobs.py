import sys
import threading
from collections.abc import Iterator

import pytest

from app.jobs import Cancelled, Waiting, Worker


def counting(to: int) -> Iterator[int]:
    yield from range(to)


def test_a_job_yields_what_its_work_yields():
    assert list(Worker().run("a", lambda: counting(3))) == [0, 1, 2]


def test_cancel_stops_before_the_next_step_and_closes_the_work():
    closed = []

    def work() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    worker = Worker()
    job = worker.run("a", work)
    assert next(job) == 0
    assert worker.cancel("a")
    with pytest.raises(Cancelled):
        next(job)
    assert closed
    assert not worker.cancel("a")


def test_only_the_owner_s_job_is_cancelled():
    worker = Worker()
    job = worker.run("a", lambda: counting(3))
    next(job)
    assert not worker.cancel("b")
    assert list(job) == [1, 2]


def test_a_second_session_waits_its_turn():
    worker = Worker()
    first = worker.run("a", lambda: counting(2))
    second = worker.run("b", lambda: counting(1))
    assert next(first) == 0
    assert isinstance(next(second), Waiting)
    first.close()
    assert next(second) == 0


def test_a_newer_job_of_the_session_replaces_the_older():
    worker = Worker()
    old = worker.run("a", lambda: counting(5))
    next(old)
    new = worker.run("a", lambda: counting(1))
    assert isinstance(next(new), Waiting)
    with pytest.raises(Cancelled):
        next(old)
    assert list(new) == [0]


def test_a_job_that_fails_frees_the_device():
    worker = Worker()

    def failing() -> Iterator[int]:
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        list(worker.run("a", failing))
    assert list(worker.run("a", lambda: counting(1))) == [0]


def test_a_job_may_end_on_another_thread_than_it_began():
    worker = Worker()
    job = worker.run("a", lambda: counting(3))
    next(job)
    thread = threading.Thread(target=job.close)
    thread.start()
    thread.join(5)
    assert list(worker.run("b", lambda: counting(1))) == [0]


def test_a_job_that_is_cancelled_while_its_yield_is_held_computes_nothing_more():
    begun = []

    def work() -> Iterator[int]:
        for step in range(3):
            begun.append(step)
            yield step

    worker = Worker()
    job = worker.run("a", work)
    assert next(job) == 0
    worker.cancel("a")
    with pytest.raises(Cancelled):
        next(job)
    assert begun == [0]


def test_what_a_step_made_while_it_was_cancelled_still_arrives():
    worker = Worker()

    def work() -> Iterator[int]:
        worker.cancel("a")
        yield 0
        yield 1

    job = worker.run("a", work)
    assert next(job) == 0
    with pytest.raises(Cancelled):
        next(job)


def test_of_jobs_that_come_at_once_one_is_finished_and_the_others_are_replaced():
    """Threads change places as often as they can: whoever comes last must see everyone who came before."""
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(40):
            ends, worker = together(4)
            assert sorted(ends) == ["done", "replaced", "replaced", "replaced"]
            assert list(worker.run("other", lambda: counting(1))) == [0]
            assert not worker.cancel("me")
    finally:
        sys.setswitchinterval(switching)


def together(number: int) -> tuple[list[str], Worker]:
    """How jobs of one owner end that begin at one moment; each goes on until all others have ended, or for long."""
    worker, ends, start = Worker(), [], threading.Barrier(number)

    def work() -> Iterator[int]:
        for step in range(1000):
            if len(ends) == number - 1:
                return
            threading.Event().wait(0.001)
            yield step

    def run() -> None:
        start.wait()
        try:
            for _ in worker.run("me", work):
                pass
            ends.append("done")
        except Cancelled:
            ends.append("replaced")

    threads = [threading.Thread(target=run, daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    return ends, worker


def test_a_job_that_nobody_pressed_for_gives_way_to_one_that_somebody_did():
    worker = Worker()
    pressed = worker.run("me", lambda: counting(3))
    assert next(pressed) == 0
    assert next(worker.run("me", lambda: counting(1), pressed=False), None) is None
    assert next(pressed) == 1
    worker.cancel("me")
    quiet = worker.run("me", lambda: counting(1), pressed=False)
    assert isinstance(next(quiet), Waiting)
    pressed.close()
    assert list(quiet) == [0]
