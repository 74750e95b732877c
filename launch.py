"""Start Spadework: make .venv, install into it what is needed, then run the command there.

Standard library only, and in syntax that Python 3.6 can read, so that an old Python reaches the sentence below.
"""

import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
if sys.version_info < (3, 11):  # noqa: UP036 - the users' Python, not ours
    sys.stderr.write(
        f"Spadework needs Python 3.11 or newer, and this is Python {VERSION}. "
        "Install a newer one from https://www.python.org/downloads/ and start again with it.\n"
    )
    sys.exit(2)

from app import cli  # noqa: E402 - an old Python could not read it

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
RECORD = "spadework.json"  # inside .venv: what it was made with, and a SHA-256 of each requirements file installed
BASE = getattr(sys, "_base_executable", sys.executable)  # never the Python inside .venv: that one may be removed
TORCH_WHEELS = "https://download.pytorch.org/whl/"


class SetupError(Exception):
    """Set-up can't go on. The text says why and what to do."""


def main(argv: list[str]) -> int:
    """Run the command that `argv` names, inside .venv unless it says --no-venv; the exit status."""
    args = cli.parse(argv)
    try:
        if args.no_venv:
            return run_here(args)
        names = ["requirements.txt", "requirements-test.txt"] if args.command == "test" else ["requirements.txt"]
        prepare(VENV, [ROOT / name for name in names])
        return hand_over([str(python_of(VENV)), str(ROOT / "launch.py"), "--no-venv", *argv])
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 130


def run_here(args) -> int:
    """Run the command in this Python; a package it lacks is named, with the remedy."""
    from app import commands

    try:
        return commands.run(args)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "app", "engine"):
            raise
        ours = Path(sys.prefix).resolve() == VENV.resolve()
        remedy = "Delete the folder .venv" if ours else "Leave --no-venv out"
        raise SetupError(f"The package {package} is not installed in {sys.prefix}. {remedy} and start again.") from None


def hand_over(command: list[str], posix: bool = os.name == "posix") -> int:
    """Become `command` (POSIX), or run it to its end (Windows, which can't): its exit status."""
    sys.stdout.flush()
    sys.stderr.flush()
    if posix:
        os.execv(command[0], command)
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the console sent Ctrl+C to the command too: how it ends is its own decision


# --- .venv ---


def prepare(venv: Path, requirements: list[Path]) -> None:
    """Make `venv` hold what the pip files `requirements` name. Quick when it already does.

    Raises SetupError.
    """
    if not fault(venv) and not outdated(venv, requirements):
        return
    try:
        with only_one(venv.with_name(venv.name + ".lock")):
            reason = fault(venv)  # asked again: another start may have done the work while this one waited
            if reason:
                say(reason)
                make(venv)
            for file in outdated(venv, requirements):
                install(venv, file)
    except OSError as error:
        raise SetupError(
            f"Set-up stopped: {error}. Check that {venv.parent} can be written, then start again."
        ) from error


def python_of(venv: Path, windows: bool = os.name == "nt") -> Path:
    """The Python inside `venv`."""
    return venv / "Scripts" / "python.exe" if windows else venv / "bin" / "python"


def fault(venv: Path) -> "str | None":
    """Why `venv` has to be made (again), as a sentence; None where it is sound."""
    record = read_record(venv)
    if not venv.exists():
        return "Making .venv, the folder for the packages that Spadework needs. This happens once."
    if not python_of(venv).exists() or (record and not os.path.exists(record["base"])):
        return "The folder .venv has no working Python, so it is made anew."
    if not record:  # made by hand, or its making was interrupted: only asking tells
        return None if answers(python_of(venv)) else "The folder .venv is incomplete, so it is made anew."
    if record["python"] != VERSION:
        return f"The folder .venv was made with Python {record['python']} and this is {VERSION}, so it is made anew."
    if record["folder"] != str(venv):
        return f"The folder .venv was made as {record['folder']} and has moved, so it is made anew."
    return None


def answers(python: Path) -> bool:
    """Whether `python` starts, has pip, and is of this Python's version."""
    question = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    reply = subprocess.run([str(python), "-c", question], capture_output=True, text=True, check=False)
    return reply.returncode == 0 and reply.stdout.strip() == VERSION


def make(venv: Path) -> None:
    """Make `venv` from nothing, in place of whatever is there."""
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise SetupError(
            "This Python can't make environments: its venv package is missing. "
            "On Debian and Ubuntu run: sudo apt install python3-venv. Then start again."
        )
    if venv.is_symlink():  # what it leads to may be another program's
        raise SetupError(f"{venv} is a link to {os.readlink(str(venv))}. Remove the link and start again.")
    if venv.exists():
        shutil.rmtree(venv)
    made = subprocess.run([BASE, "-m", "venv", str(venv)], capture_output=True, text=True, check=False)
    if made.returncode:
        said = (made.stdout + made.stderr).strip()
        raise SetupError(f"The folder .venv could not be made. Python said:\n{said}\nDelete .venv and start again.")
    write_record(venv, {})


# --- What is installed ---


def read_record(venv: Path) -> "dict | None":
    """The record in `venv`; None where there is none that can be read."""
    try:
        record = json.loads((venv / RECORD).read_text(encoding="utf-8"))
        return record if {"python", "base", "folder", "installed"} <= record.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def write_record(venv: Path, installed: "dict[str, str]") -> None:
    record = {"python": VERSION, "base": BASE, "folder": str(venv), "installed": installed}
    part = venv / (RECORD + ".part")
    part.write_text(json.dumps(record, indent=2), encoding="utf-8")
    os.replace(part, venv / RECORD)


def fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def outdated(venv: Path, requirements: list[Path]) -> list[Path]:
    """Those of `requirements` that `venv` does not hold as they stand now."""
    installed = (read_record(venv) or {"installed": {}})["installed"]
    return [file for file in requirements if installed.get(file.name) != fingerprint(file)]


def install(venv: Path, file: Path) -> None:
    """Install what `file` names, and record it once all of it is there."""
    installed = dict((read_record(venv) or {"installed": {}})["installed"])
    installed.pop(file.name, None)  # from here to the end the folder holds neither the old list nor the new one
    write_record(venv, installed)
    say(f"Installing what {file.name} names. The first time this takes some minutes.")
    torch = re.search(r"^torch==\S+", file.read_text(encoding="utf-8"), re.MULTILINE)
    wheels = torch and torch_wheels(platform.system(), nvidia_gpu())
    if wheels:
        install_torch(venv, torch.group(), wheels)
    pip(venv, ["install", "--requirement", str(file)])
    write_record(venv, {**installed, file.name: fingerprint(file)})


# --- PyTorch for the GPU at hand ---


def nvidia_gpu() -> "tuple[int, float] | None":
    """Driver generation and compute capability of the first NVIDIA GPU, such as (580, 8.9); None where none answers."""
    system32 = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvidia-smi.exe")
    program = shutil.which("nvidia-smi") or (system32 if os.path.exists(system32) else None)
    if program is None:
        return None
    question = [program, "--query-gpu=driver_version,compute_cap", "--format=csv,noheader"]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        reply = subprocess.run(question, capture_output=True, text=True, check=False, timeout=30)
        found = re.match(r"(\d+)[\d.]*, (\d+\.\d+)", reply.stdout)
        if reply.returncode == 0 and found:
            return int(found.group(1)), float(found.group(2))
    return None


def torch_wheels(system: str, gpu: "tuple[int, float] | None") -> "str | None":
    """The package index with the PyTorch build that uses `gpu`; None where the standard build does, or nothing can.

    PyTorch 2.13 comes for CUDA 13.0 (driver 580 or newer, capability 7.5 or higher) and 12.6 (older ones). The
    standard package is the first of these on Linux, and has no CUDA on Windows.
    """
    if gpu is None or system not in ("Linux", "Windows"):
        return None
    driver, capability = gpu
    if driver < 580 or capability < 7.5:
        return TORCH_WHEELS + "cu126"
    return TORCH_WHEELS + "cu130" if system == "Windows" else None


def install_torch(venv: Path, torch: str, wheels: str) -> None:
    """Install the GPU's PyTorch ahead of the rest, which then finds it there; without it Spadework still runs."""
    arguments = ["install", "--no-deps", torch, "--index-url", wheels]
    try:
        pip(venv, arguments)
    except SetupError:
        by_hand = " ".join([str(python_of(venv)), "-m", "pip", "install", "--force-reinstall", *arguments[1:]])
        say(
            f"PyTorch for your NVIDIA GPU could not be installed from {wheels}, so pictures will be made on the "
            f"processor. To try again later: {by_hand}"
        )


# --- pip, for newcomers ---

REMEDIES = (
    (r"No space left|not enough space", "The disk is full: free about 8 GB and start again."),
    (
        r"Permission denied|Access is denied",
        "Check that the folder can be written and that no Spadework is running, then start again.",
    ),
    (
        r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|Read timed out|ProxyError|SSLError|"
        r"Connection(Reset|Refused|Aborted)?Error|Network is unreachable",
        "The packages could not be fetched: check the internet connection (and the proxy, if you use one), then start "
        "again. What is already here is kept.",
    ),
    (
        r"No matching distribution|Could not find a version|requires a different",
        f"Either the package index could not be reached, or it has no build for Python {VERSION} on this machine. "
        "Check the internet connection; if that works, install the current Python (64 bit) from "
        "https://www.python.org/downloads/ and start again with it.",
    ),
)


def pip(venv: Path, arguments: list[str]) -> None:
    """Run pip in `venv` with its progress on one line. Raises SetupError with pip's own errors and a remedy."""
    command = [str(python_of(venv)), "-m", "pip", *arguments, "--no-input", "--progress-bar", progress_style(venv)]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    )
    said = []
    try:
        with StatusLine() as status:
            for line in process.stdout:
                said.append(line.rstrip())
                status.text = meaning(line, status.text)
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if code:
        raise SetupError(explain(said))


def progress_style(venv: Path) -> str:
    """`raw` (bytes done, for us to show) where this venv's pip is 24.1 or newer and knows it."""
    reply = subprocess.run(
        [str(python_of(venv)), "-m", "pip", "--version"], capture_output=True, text=True, check=False
    )
    version = re.match(r"pip (\d+)\.(\d+)", reply.stdout)
    return "raw" if version and (int(version.group(1)), int(version.group(2))) >= (24, 1) else "off"


def meaning(line: str, before: str) -> str:
    """What a line of pip's output tells a newcomer; `before`, the status so far, where it tells nothing."""
    line = line.strip()
    looking = re.match(r"Collecting ([\w.-]+)", line)
    if looking:
        return f"looking up {looking.group(1)}"
    fetching = re.match(r"(Downloading|Using cached) (?:\S*/)?(\w+)-([^-]+)-\S+\.whl \((.+)\)", line)
    if fetching:
        verb = "downloading" if fetching.group(1) == "Downloading" else "already here:"
        return f"{verb} {fetching.group(2)} {fetching.group(3)} ({fetching.group(4)})"
    done = re.match(r"Progress (\d+) of (\d+)", line)
    if done and int(done.group(2)):
        return f"{before.partition(': ')[0]}: {100 * int(done.group(1)) // int(done.group(2))} %"
    if line.startswith("Installing collected packages"):
        return f"unpacking {line.count(',') + 1} packages"
    return before


def explain(said: list[str]) -> str:
    """A failed pip's relevant lines, and the remedy for what they tell."""
    text = "\n".join(said)
    lines = [line for line in said if re.match(r"\s*error\b", line, re.IGNORECASE)] or [line for line in said if line]
    remedies = [remedy for pattern, remedy in REMEDIES if re.search(pattern, text)]
    remedy = remedies[0] if remedies else "Start again; if that does not help, delete the folder .venv first."
    return "\n".join(["The installation failed. pip said:", *("  " + line for line in lines[-5:]), remedy])


class StatusLine:
    """`text` and the time since the start, renewed in place on a terminal; in a log, a new line every 10 seconds."""

    def __init__(self) -> None:
        self.text = "starting"
        self._start = time.monotonic()
        self._done = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "StatusLine":
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._ticker.join()
        if sys.stderr.isatty():
            self._write("")

    def _tick(self) -> None:
        while not self._done.wait(0.5 if sys.stderr.isatty() else 10):
            minutes, seconds = divmod(int(time.monotonic() - self._start), 60)
            self._write(f"  {minutes}:{seconds:02d}  {self.text}")

    def _write(self, line: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        in_place = "\r" + line[:width].ljust(width) + "\r"
        sys.stderr.write(in_place if sys.stderr.isatty() else line + "\n")
        sys.stderr.flush()


# --- One start at a time ---


@contextlib.contextmanager
def only_one(path: Path):
    """Hold a lock on the file `path`, waiting for whoever has it. The system frees it however a holder ends."""
    with open(path, "a", encoding="utf-8") as file:
        waiting = False
        while not try_lock(file):
            if not waiting:
                say("Another start is setting up .venv: waiting for it.")
            waiting = True
            time.sleep(0.2)
        yield


def try_lock(file) -> bool:
    """Lock the open `file` for this process; False where another holds it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # a disk without locks: go on
    return True


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
