"""Set-up on a fresh machine, its repair, and handing over to the command."""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import launch

ROOT = Path(__file__).resolve().parent.parent
posix_only = pytest.mark.skipif(os.name != "posix", reason="uses a shell script or a POSIX signal")


@pytest.fixture
def fresh(tmp_path) -> Path:
    """A copy of the program as a newcomer unpacks it, without .venv."""
    (tmp_path / "app").mkdir()
    for name in ("launch.py", "app/__init__.py", "app/progress.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("app/cli", "app/commands"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def python(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)


class FakeInstaller:
    """Stands for making environments and for pip: notes what is asked, fails on demand."""

    def __init__(self):
        self.made = 0
        self.installed = []
        self.failure = None

    def make(self, venv: Path) -> None:
        self.made += 1
        interpreter = launch.python_of(venv)
        interpreter.parent.mkdir(parents=True, exist_ok=True)
        interpreter.touch()
        launch.write_record(venv, {})

    def pip(self, venv: Path, arguments: list[str]) -> None:
        if self.failure:
            raise self.failure
        self.installed.append(Path(arguments[-1]).name)


@pytest.fixture
def installer(monkeypatch) -> FakeInstaller:
    fake = FakeInstaller()
    monkeypatch.setattr(launch, "make", fake.make)
    monkeypatch.setattr(launch, "pip", fake.pip)
    monkeypatch.setattr(launch, "nvidia_gpu", lambda: None)
    return fake


@pytest.fixture
def venv(tmp_path) -> Path:
    return tmp_path / ".venv"


@pytest.fixture
def needs(tmp_path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text("torch==1.0\n")
    return file


# --- Before anything is installed ---


def test_an_old_python_can_read_the_file():
    ast.parse((ROOT / "launch.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_an_old_python_gets_one_sentence(fresh):
    pretend = "import sys, runpy; sys.version_info = (3, 8, 1); runpy.run_path('launch.py', run_name='__main__')"
    done = python("-c", pretend, cwd=fresh)
    assert done.returncode == 2
    assert done.stderr.startswith("Spadework needs Python 3.11 or newer, and this is Python 3.8.")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["render", "--help"], ["train", "--help"]])
def test_help_installs_nothing_and_needs_nothing(fresh, arguments):
    done = python("-S", "launch.py", *arguments, cwd=fresh)  # -S: no installed package can be imported
    assert done.returncode == 0
    assert done.stdout.startswith("usage: ")
    assert not (fresh / ".venv").exists()


def test_a_wrong_argument_is_refused_before_set_up(fresh):
    done = python("launch.py", "render", "--map", "map.png", cwd=fresh)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not (fresh / ".venv").exists()


def test_without_venv_a_missing_package_is_named(fresh):
    (fresh / "engine").mkdir()
    (fresh / "engine/__init__.py").touch()
    (fresh / "engine/types.py").write_text("import nonesuch.thing\n")
    (fresh / "out").mkdir()
    done = python("launch.py", "--no-venv", "render", "--map", "map.png", "--out", "out/picture.png", cwd=fresh)
    assert done.returncode == 1
    assert "The package nonesuch is not installed" in done.stderr
    assert "Leave --no-venv out" in done.stderr
    assert not (fresh / ".venv").exists()


def test_a_missing_module_of_our_own_is_not_blamed_on_the_user(monkeypatch):
    from app import commands

    def broken(args):
        raise ModuleNotFoundError("No module named 'engine.gone'", name="engine.gone")

    monkeypatch.setattr(commands, "run", broken)
    with pytest.raises(ModuleNotFoundError):
        launch.main(["--no-venv", "test"])


# --- .venv: made, kept, repaired ---


def test_the_second_start_installs_nothing(installer, venv, needs):
    launch.prepare(venv, [needs])
    launch.prepare(venv, [needs])
    assert installer.made == 1
    assert installer.installed == ["requirements.txt"]


def test_a_changed_file_is_installed_again_into_the_same_venv(installer, venv, needs):
    launch.prepare(venv, [needs])
    needs.write_text("torch==2.0\n")
    launch.prepare(venv, [needs])
    assert installer.made == 1
    assert len(installer.installed) == 2


def test_each_file_has_its_own_stamp(installer, venv, needs):
    tests = needs.with_name("requirements-test.txt")
    tests.write_text("pytest\n")
    launch.prepare(venv, [needs])
    launch.prepare(venv, [needs, tests])
    launch.prepare(venv, [needs])
    assert installer.installed == ["requirements.txt", "requirements-test.txt"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), launch.SetupError("no network")])
def test_the_next_start_repairs_an_unfinished_install(installer, venv, needs, failure):
    installer.failure = failure
    with pytest.raises(type(failure)):
        launch.prepare(venv, [needs])
    installer.failure = None
    launch.prepare(venv, [needs])
    assert installer.made == 1
    assert installer.installed == ["requirements.txt"]


def test_an_interrupted_change_is_not_taken_for_the_old_state(installer, venv, needs):
    launch.prepare(venv, [needs])
    before = needs.read_text()
    needs.write_text("torch==2.0\n")
    installer.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        launch.prepare(venv, [needs])
    needs.write_text(before)
    assert launch.outdated(venv, [needs]) == [needs]


def change_version(venv, monkeypatch):
    monkeypatch.setattr(launch, "VERSION", "3.99")


def remove_base(venv, monkeypatch):
    record = venv / launch.RECORD
    record.write_text(record.read_text().replace(Path(launch.BASE).name, "gone"))


def remove_python(venv, monkeypatch):
    launch.python_of(venv).unlink()


def move(venv, monkeypatch):
    record = venv / launch.RECORD
    record.write_text(record.read_text().replace(".venv", "old"))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (change_version, "and this is 3.99"),
        (remove_base, "no working Python"),
        (remove_python, "no working Python"),
        (move, "has moved"),
    ],
)
def test_a_damaged_venv_is_made_anew_with_a_sentence(installer, venv, needs, monkeypatch, capsys, damage, reason):
    launch.prepare(venv, [needs])
    damage(venv, monkeypatch)
    capsys.readouterr()
    launch.prepare(venv, [needs])
    assert installer.made == 2
    assert len(installer.installed) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"python": "3.11"}', "\0"])
def test_an_unreadable_record_counts_as_none(venv, content):
    venv.mkdir()
    (venv / launch.RECORD).write_text(content)
    assert launch.read_record(venv) is None


def test_a_venv_made_by_hand_is_used_if_it_answers(installer, venv, needs, monkeypatch):
    installer.make(venv)
    (venv / launch.RECORD).unlink()
    monkeypatch.setattr(launch, "answers", lambda python: True)
    launch.prepare(venv, [needs])
    assert installer.made == 1
    (venv / launch.RECORD).unlink()
    monkeypatch.setattr(launch, "answers", lambda python: False)
    launch.prepare(venv, [needs])
    assert installer.made == 2


def test_a_python_without_ensurepip_names_the_debian_package(venv, monkeypatch):
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(launch.SetupError, match="apt install python3-venv"):
        launch.make(venv)


@posix_only
def test_a_venv_that_is_a_link_is_left_alone_with_a_sentence(tmp_path, venv):
    """Of another disk, say; what it leads to may be another program's."""
    (tmp_path / "elsewhere" / "bin").mkdir(parents=True)
    venv.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(launch.SetupError, match=r"is a link to .*elsewhere\. Remove the link and start again"):
        launch.make(venv)
    assert (tmp_path / "elsewhere" / "bin").is_dir()


def test_a_folder_that_cannot_be_written_gives_a_sentence(installer, tmp_path, needs):
    (tmp_path / "file").touch()
    with pytest.raises(launch.SetupError, match="can be written"):
        launch.prepare(tmp_path / "file" / ".venv", [needs])


def test_real_pip_installs_a_wheel_and_explains_a_failure(venv, needs, tmp_path):
    with zipfile.ZipFile(tmp_path / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "answer = 42\n")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    offline = f"--no-index\n--find-links {tmp_path.as_posix()}\n"
    needs.write_text(offline + "tiny==1.0\n")
    launch.prepare(venv, [needs])
    done = python_in(venv, "import tiny, sys; print(tiny.answer, sys.prefix)")
    assert done.split() == ["42", str(venv)]

    needs.write_text(offline + "nonesuch==1.0\n")
    with pytest.raises(launch.SetupError, match=r"(?s)No matching distribution found for nonesuch==1\.0.*Either the"):
        launch.prepare(venv, [needs])
    assert launch.outdated(venv, [needs]) == [needs]


def python_in(venv: Path, code: str) -> str:
    return subprocess.run([launch.python_of(venv), "-c", code], capture_output=True, text=True, check=True).stdout


# --- One start at a time ---


def test_the_lock_keeps_others_out_and_dies_with_its_holder(tmp_path):
    lock = tmp_path / "lock"
    hold = f"import launch, time\nwith launch.only_one({str(lock)!r}): print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", hold], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with open(lock, "a") as file:
            assert not launch.try_lock(file)
    finally:
        holder.kill()
        holder.communicate()
    with open(lock, "a") as file:
        assert launch.try_lock(file)


def test_who_waited_finds_the_work_done(installer, venv, needs, monkeypatch):
    """Another start finishes between this one's first look and its getting the lock."""
    monkeypatch.setattr(launch, "try_lock", lambda file: other_start())

    def other_start() -> bool:
        installer.make(venv)
        launch.write_record(venv, {needs.name: launch.fingerprint(needs)})
        return True

    launch.prepare(venv, [needs])
    assert installer.made == 1
    assert installer.installed == []


# --- PyTorch for the GPU ---


@pytest.mark.parametrize(
    ("system", "gpu", "wheels"),
    [
        ("Linux", None, None),
        ("Linux", (580, 9.0), None),
        ("Linux", (550, 8.9), "cu126"),
        ("Windows", None, None),
        ("Windows", (581, 12.0), "cu130"),
        ("Windows", (581, 6.1), "cu126"),
        ("Windows", (566, 8.9), "cu126"),
        ("Darwin", (580, 8.9), None),
    ],
)
def test_which_pytorch_suits_the_machine(system, gpu, wheels):
    found = launch.torch_wheels(system, gpu)
    assert found == (wheels and "https://download.pytorch.org/whl/" + wheels)


@posix_only
@pytest.mark.parametrize(
    ("script", "gpu"),
    [
        ("echo '580.65.06, 9.0'", (580, 9.0)),
        ("echo '566.03, 8.6'; echo '566.03, 7.5'", (566, 8.6)),
        ("echo 'NVIDIA-SMI has failed'; exit 9", None),
    ],
)
def test_asking_nvidia_smi(tmp_path, monkeypatch, script, gpu):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launch.nvidia_gpu() == gpu


def test_the_gpus_pytorch_comes_first_and_may_fail(installer, venv, needs, monkeypatch, capsys):
    asked = []

    def pip(venv, arguments):
        asked.append(arguments)
        if "--index-url" in arguments:
            raise launch.SetupError("unreachable")

    monkeypatch.setattr(launch, "pip", pip)
    monkeypatch.setattr(launch, "nvidia_gpu", lambda: (550, 8.9))
    monkeypatch.setattr(launch.platform, "system", lambda: "Windows")
    launch.prepare(venv, [needs])
    assert asked[0][1:] == ["--no-deps", "torch==1.0", "--index-url", "https://download.pytorch.org/whl/cu126"]
    assert asked[1][:2] == ["install", "--requirement"]
    assert "--force-reinstall --no-deps torch==1.0 --index-url" in capsys.readouterr().err
    assert launch.outdated(venv, [needs]) == []


# --- What pip says ---


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Collecting torch==2.13.0 (from -r requirements.txt (line 1))", "looking up torch"),
        ("  Downloading torch-2.13.0-cp311-cp311-win_amd64.whl (114.5 MB)", "downloading torch 2.13.0 (114.5 MB)"),
        ("  Downloading https://x.org/a/numpy-2.4.6-cp311-x.whl (18 MB)", "downloading numpy 2.4.6 (18 MB)"),
        ("  Using cached scikit_image-0.26.0-cp311-x.whl (13 MB)", "already here: scikit_image 0.26.0 (13 MB)"),
        ("Progress 50 of 200", "downloading x 1 (1 GB): 25 %"),
        ("Installing collected packages: mpmath, sympy, torch", "unpacking 3 packages"),
        ("  Preparing metadata (setup.py): started", "downloading x 1 (1 GB): 12 %"),
    ],
)
def test_pips_lines_in_plain_words(line, text):
    assert launch.meaning(line + "\n", "downloading x 1 (1 GB): 12 %") == text


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("WARNING: Retrying after connection broken by 'NewConnectionError(...)'\nERROR: No matching x", "internet"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no build for Python"),
        ("ERROR: Could not install: [WinError 5] Access is denied", "no Spadework is running"),
        ("error: something new", "delete the folder .venv"),
    ],
)
def test_a_failure_shows_pips_own_line_and_a_remedy(said, remedy):
    text = launch.explain(["Collecting torch", *said.split("\n"), "Some advertisement"])
    assert said.split("\n")[-1] in text
    assert remedy in text.split("\n")[-1]
    assert "advertisement" not in text


# --- Handing over ---


@pytest.mark.parametrize(("windows", "path"), [(True, "Scripts/python.exe"), (False, "bin/python")])
def test_where_python_is(windows, path):
    assert launch.python_of(Path("v"), windows) == Path("v") / path


def test_posix_becomes_the_command(monkeypatch):
    seen = []
    monkeypatch.setattr(launch.os, "execv", lambda *call: seen.append(call) or sys.exit(0))
    with pytest.raises(SystemExit):
        launch.hand_over(["/v/python", "launch.py"], posix=True)
    assert seen == [("/v/python", ["/v/python", "launch.py"])]


def test_windows_forwards_the_exit_status():
    assert launch.hand_over([sys.executable, "-c", "raise SystemExit(5)"], posix=False) == 5


def test_windows_lets_the_command_answer_ctrl_c(monkeypatch):
    class Interrupted:
        answers = iter([KeyboardInterrupt(), 130])

        def wait(self):
            answer = next(self.answers)
            if isinstance(answer, BaseException):
                raise answer
            return answer

    monkeypatch.setattr(launch.subprocess, "Popen", lambda command: Interrupted())
    assert launch.hand_over(["python"], posix=False) == 130


@pytest.mark.parametrize(
    ("argv", "files"),
    [
        (["--port", "7861"], ["requirements.txt"]),
        (["test", "-k", "canvas"], ["requirements.txt", "requirements-test.txt"]),
    ],
)
def test_main_prepares_then_runs_the_same_words_inside(monkeypatch, argv, files):
    prepared, started = [], []
    monkeypatch.setattr(launch, "prepare", lambda venv, requirements: prepared.extend(requirements))
    monkeypatch.setattr(launch, "hand_over", lambda command: started.append(command) or 3)
    assert launch.main(argv) == 3
    assert [file.name for file in prepared] == files
    assert started == [[str(launch.python_of(launch.VENV)), str(ROOT / "launch.py"), "--no-venv", *argv]]


def test_ctrl_c_is_status_130_and_a_line(monkeypatch, capsys):
    def interrupted(venv, requirements):
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "prepare", interrupted)
    assert launch.main([]) == 130
    assert capsys.readouterr().err == "Stopped.\n"
