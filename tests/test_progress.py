"""How commands tell how far they are: on a terminal, and in a log."""

import io

import pytest

from app import progress
from app.progress import ProgressLine, bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def passed(monkeypatch) -> list[float]:
    """What time it is, as a list of one number that a test may change."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_bar():
    assert bar(5, 20, 10, 30) == "[######------------------] step 5/20, 0:10 elapsed, 0:30 left"
    assert bar(20, 20, 75, 0).startswith("[########################] step 20/20, 1:15 elapsed, 0:00")


def test_a_shorter_line_covers_a_longer_one_on_a_terminal():
    terminal = Terminal()
    with ProgressLine(terminal) as line:
        line.show("long line")
        line.show("short")
    assert terminal.getvalue() == "\rlong line\rshort    \n"


def test_a_line_that_stays_starts_below_the_progress():
    terminal = Terminal()
    with ProgressLine(terminal) as line:
        line.show("1/2")
        line.tell("measured")
        line.show("2/2")
    assert terminal.getvalue() == "\r1/2\nmeasured\n\r2/2\n"


def test_a_log_has_a_whole_line_now_and_then_and_the_last(passed):
    log = io.StringIO()
    with ProgressLine(log) as line:
        for second in range(1686):
            passed[0] = second / 50
            line.show(f"Looking at pair {second + 1}/1686 ")
    said = log.getvalue()
    assert said.splitlines() == [f"Looking at pair {n}/1686" for n in (501, 1001, 1501, 1686)]
    assert "\r" not in said


def test_what_stays_comes_after_the_newest_progress_in_a_log_too(passed):
    log = io.StringIO()
    with ProgressLine(log) as line:
        line.show("1/2")
        line.tell("measured")
        line.tell("and more")
        line.show("2/2")
    assert log.getvalue() == "1/2\nmeasured\nand more\n2/2\n"


def test_standard_error_in_a_file_or_pipe_is_a_log(capfd):
    with ProgressLine() as line:
        line.show("1/2")
        line.show("2/2")
    assert capfd.readouterr().err.splitlines() == ["2/2"]
