"""Folders of maps: what is a map, what is kept and what made anew, the index, several processes, and being killed."""

import errno
import json
import multiprocessing
import os
import re
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.batch import index, rendering, sheet, store, workers
from app.batch.index import Line, Part
from app.batch.job import END, Job, Settings, file_fingerprint
from app.batch.rendering import Progress, run
from app.batch.sources import find_sources
from engine import pipeline
from engine.checkpoint import save_checkpoint
from engine.images import read_photo, read_request
from engine.record import render_request
from engine.types import Sampling, UserError
from tests.models import tiny_model

ROOT = Path(__file__).resolve().parent.parent
SAMPLING = Sampling(steps=2, seeds=(3, 4))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    model = tiny_model()
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    save_checkpoint(path, model.network.state_dict(), model.description)
    return path


@pytest.fixture
def job(tmp_path, checkpoint) -> Job:
    """Three maps, one of them in a folder."""
    for number, name in enumerate(("a.png", "b.png", "more/c.png")):
        save_map(tmp_path / "maps" / name, number)
    settings = Settings(str(checkpoint), None, None, False, SAMPLING)
    return Job(tmp_path / "maps", tmp_path / "out", settings, "cpu", "float32")


def save_map(path: Path, number: int, size: tuple[int, int] = (16, 24)) -> None:
    """A map of (height, width), different for each number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = np.random.default_rng(number).integers(1, 12, size)
    Image.fromarray(labels.astype(np.uint8)).save(path)


def finish(job: Job) -> Progress:
    *_, last = run(job)
    return last


def problems(job: Job) -> list[str]:
    return [progress.problem for progress in run(job) if progress.problem]


def pictures(out: Path) -> set[str]:
    found = {path.relative_to(out).as_posix() for path in out.rglob("*.png")}
    return {name for name in found if not name.startswith(store.FILES)}


def times(out: Path) -> dict[str, int]:
    return {name: (out / name).stat().st_mtime_ns for name in pictures(out)}


def listed(out: Path) -> dict[str, dict]:
    return {about["map"]: about for about in json.loads((out / "index.json").read_text())["maps"]}


def listed_pictures(out: Path) -> set[str]:
    return {each["file"] for about in listed(out).values() for each in about["pictures"]}


ALL = {f"{stem}-{seed}.png" for stem in ("a", "b", "more/c") for seed in (3, 4)}


# --- Which files are maps ---


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_maps_are_known_by_their_names(tmp_path):
    touch(tmp_path, "b/y.TIF", "a.png", "notes.txt", ".hidden.png", ".git/x.png", "out/a-0.png", "c_color.png")
    city = ["m_gtFine_labelIds.png", "m_gtFine_color.png", "m_gtFine_instanceIds.png", "m_gtFine_polygons.json"]
    touch(tmp_path, *city)
    found = find_sources(tmp_path, leave_out=tmp_path / "out")
    assert [source.name for source in found.sources] == ["a.png", "b/y.TIF", "c_color.png", "m_gtFine_labelIds.png"]
    assert found.ignored == (*sorted(city[1:]), "notes.txt")


def test_maps_that_share_a_stem_make_different_pictures(tmp_path):
    touch(tmp_path, "a.bmp", "a.png", "a.png.png", "sub/a.png", "A.tif", "Xx.png", "xX.tif")
    names = [source.picture(0) for source in find_sources(tmp_path, tmp_path / "out").sources]
    expected = ["A-0.png", "Xx-0.png", "a.bmp-0.png", "a.png-0.png", "a.png.png-0.png", "sub/a-0.png", "xX.tif-0.png"]
    assert names == expected
    assert len({name.casefold() for name in names}) == len(names)


def test_a_folder_without_maps_is_refused(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(UserError, match="holds no label maps"):
        find_sources(tmp_path, tmp_path / "out")


# --- One run ---


def test_a_picture_a_map_and_seed_with_its_request_inside(job):
    last = finish(job)
    assert (last.done, last.maps, last.made, last.kept) == (3, 3, 6, 0)
    assert pictures(job.out) == ALL
    request = render_request(read_request(job.out / "more/c-4.png"))
    assert request.sampling == replace(SAMPLING, seeds=(4,))
    *_, frame = pipeline.generate(pipeline.load_model(job.settings.model, "cpu", "float32"), request)
    assert abs(frame.pictures[0].astype(int) - read_photo(job.out / "more/c-4.png")).max() <= 1


@pytest.mark.parametrize(("size", "native", "picture"), [((1, 1), False, (1, 1)), ((37, 211), False, (37, 211))])
def test_maps_of_odd_sizes(job, size, native, picture):
    save_map(job.maps / "odd.png", 0, size)
    finish(job)
    assert read_photo(job.out / "odd-3.png").shape[:2] == picture


def test_size_and_native_decide_what_is_computed(job):
    model = tiny_model()
    labels = np.ones((30, 60), np.uint8)
    sides = {size: replace(job.settings, size=size).request(model, labels).side for size in (None, 24, "map")}
    assert sides == {None: None, 24: 24, "map": 30}
    assert replace(job.settings, size=24, native=True).request(model, labels).labels.shape == (24, 48)
    with pytest.raises(UserError, match="0 is outside 1 to"):
        replace(job.settings, size=0)


def test_the_plan_is_told_once_and_remarks_on_maps_too(job):
    Image.new("RGB", (8, 8), (250, 1, 2)).save(job.maps / "colours.png")
    texts = [progress.text for progress in run(job) if progress.text]
    assert sum("free memory" in text for text in texts) == 1
    assert sum(text.startswith("colours.png: Read by the") for text in texts) == 1
    assert listed(job.out)["colours.png"]["notes"][0].startswith("Read by the")


def test_nothing_of_a_map_is_kept_in_memory(job, monkeypatch):
    model = pipeline.load_model(job.settings.model, "cpu", "float32")
    monkeypatch.setattr(pipeline, "load_model", lambda *_: model)
    during = {model.cache.bytes for progress in run(job) if progress.current}
    between = {model.cache.bytes for progress in run(replace(job, out=job.out / "2")) if not progress.current}
    assert 0 not in during
    assert between == {0}


# --- Going on ---


def test_what_is_there_is_kept(job):
    finish(job)
    before = times(job.out)
    last = finish(job)
    assert (last.done, last.made, last.kept) == (3, 0, 6)
    assert times(job.out) == before
    assert listed_pictures(job.out) == ALL


def test_closing_keeps_what_is_finished_and_lists_it(job):
    with closing(run(job)) as events:
        for progress in events:
            if progress.done == 1:
                break
    assert pictures(job.out) == {"a-3.png", "a-4.png"} == listed_pictures(job.out)
    assert finish(job).made == 4


def test_more_variations_add_to_what_is_there(job):
    finish(job)
    more = replace(job, settings=replace(job.settings, sampling=replace(SAMPLING, seeds=(3, 4, 5))))
    last = finish(more)
    assert (last.made, last.kept) == (3, 6)


@pytest.mark.parametrize("damage", [lambda data: data[:-30], lambda data: b"", lambda data: data[:20]])
def test_a_picture_that_is_not_whole_is_made_anew(job, damage):
    finish(job)
    path = job.out / "b-4.png"
    before = read_photo(path)
    path.write_bytes(damage(path.read_bytes()))
    assert finish(job).made == 1
    assert abs(read_photo(path).astype(int) - before).max() <= 1


def test_a_changed_map_is_made_anew_and_only_that(job):
    finish(job)
    before = times(job.out)
    save_map(job.maps / "b.png", 99)
    assert finish(job).made == 2
    assert {name for name, when in times(job.out).items() if when != before[name]} == {"b-3.png", "b-4.png"}


@pytest.mark.parametrize("content", [b"notes of somebody", "picture"])
def test_a_file_of_somebody_else_is_not_overwritten(job, content):
    path = job.out / "b-3.png"
    path.parent.mkdir()
    if content == "picture":
        Image.new("RGB", (8, 8)).save(path)
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    (problem,) = problems(job)
    assert problem.startswith("b.png: ")
    assert "was not made by such a run" in problem
    assert path.read_bytes() == before
    assert pictures(job.out) == {*(ALL - {"b-4.png"})}


def changed(job: Job, **changes) -> Job:
    return replace(job, settings=replace(job.settings, sampling=replace(SAMPLING, **changes)))


def test_other_settings_are_refused_with_the_difference(job):
    finish(job)
    before = times(job.out)
    with pytest.raises(UserError, match=r"begun with steps = 2, and this run has 3.*--again"):
        finish(changed(job, steps=3))
    with pytest.raises(UserError, match="begun with size = the model's own, and this run has 24"):
        finish(replace(job, settings=replace(job.settings, size=24)))
    assert times(job.out) == before


def test_guidance_of_single_classes_is_one_of_the_settings(job):
    scales = (("door", 4.0), ("window", 1.5))
    other = replace(job, settings=replace(job.settings, class_guidance=scales))
    finish(other)
    index_of = tiny_model().palette.index_of
    made = render_request(read_request(job.out / "a-3.png"))
    assert made.class_guidance == tuple((index_of(name), scale) for name, scale in scales)
    assert finish(other).kept == 6
    with pytest.raises(UserError, match="was begun with class guidance = "):
        finish(job)


def test_a_folder_of_before_there_was_a_choice_of_noise_goes_on_with_the_noise_it_had(job):
    """Its settings don't say; nor do those of the same noise now."""
    older = replace(job, settings=replace(job.settings, sampling=replace(SAMPLING, noise="steps")))
    assert "noise" not in older.settings.to_dict()
    finish(older)
    assert finish(older).kept == 6
    with pytest.raises(UserError, match='was begun with noise = "steps", and this run has "path"'):
        finish(job)


def test_again_makes_all_anew_even_if_it_is_stopped_on_the_way(job):
    finish(job)
    other = changed(job, steps=3)
    with closing(run(replace(other, again=True))) as events:
        assert next(progress.done for progress in events if progress.done) == 1
    last = finish(other)
    assert (last.made, last.kept) == (4, 2)
    assert all(read_request(job.out / name)["sampling"]["steps"] == 3 for name in ALL)


def test_the_index_lists_pictures_of_one_set_of_settings(job):
    finish(job)
    finish(replace(changed(job, steps=3, seeds=(4,)), again=True))
    assert listed_pictures(job.out) == {"a-4.png", "b-4.png", "more/c-4.png"}


def test_a_model_trained_on_is_another_model(job, tmp_path):
    model = tiny_model(seed=1)
    other = tmp_path / "tiny.safetensors"
    save_checkpoint(other, model.network.state_dict(), model.description)
    finish(job)
    with pytest.raises(UserError, match="begun with another file of this model"):
        finish(replace(job, settings=replace(job.settings, model=str(other))))


def test_a_folder_keeps_to_the_precision_first_measured(job, monkeypatch):
    measured = iter([torch.bfloat16, torch.float32])
    monkeypatch.setattr(rendering, "choose_precision", lambda *_: next(measured))
    automatic = replace(job, precision="auto")
    for _ in range(2):
        store.begin(job.out, {}, again=False)
        assert rendering.agreed_precision(automatic) == "bfloat16"
    assert rendering.agreed_precision(job) == "float32"


@pytest.mark.parametrize("change", [lambda data: b"x" + data[1:], lambda data: data[:-1] + b"x", lambda data: data[1:]])
def test_model_files_are_told_apart_by_both_ends_and_length(tmp_path, change):
    (tmp_path / "a").write_bytes(bytes(3 * END))
    (tmp_path / "b").write_bytes(change(bytes(3 * END)))
    assert file_fingerprint(tmp_path / "a") != file_fingerprint(tmp_path / "b")


# --- What goes wrong ---


def test_a_map_that_goes_wrong_leaves_the_others(job):
    (job.maps / "a2.png").write_bytes(b"no picture")
    (problem,) = problems(job)
    assert problem.startswith("a2.png: a2.png can't be read")
    assert pictures(job.out) == ALL
    assert "can't be read" in listed(job.out)["a2.png"]["error"]
    save_map(job.maps / "a2.png", 7)
    assert not problems(job)
    assert listed(job.out)["a2.png"]["error"] == ""


def test_the_error_of_a_map_that_is_taken_away_goes_too(job):
    (job.maps / "a2.png").write_bytes(b"no picture")
    problems(job)
    (job.maps / "a2.png").unlink()
    finish(job)
    assert "a2.png" not in listed(job.out)


def test_a_fault_inside_leaves_the_others(job, monkeypatch):
    generate = pipeline.generate

    def faulty(model, request):
        if request.labels[0, 0] == np.asarray(Image.open(job.maps / "b.png"))[0, 0]:
            raise RuntimeError("driver")
        return generate(model, request)

    monkeypatch.setattr(pipeline, "generate", faulty)
    found = problems(job)
    assert found
    assert all("went wrong inside (RuntimeError: driver)" in each for each in found)
    assert "b-3.png" not in pictures(job.out)
    assert len(found) < 3


def test_a_full_disk_ends_the_run(job, monkeypatch):
    def full(*_):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise UserError("can't be written") from error

    monkeypatch.setattr(store, "save_png", full)
    with pytest.raises(UserError, match="can't be written"):
        finish(job)
    assert not list((job.out / store.FILES / store.UNFINISHED).iterdir())


def test_a_disk_too_full_for_a_line_ends_the_run(job, monkeypatch):
    write = os.write

    def full(file, data):
        if data.startswith(b'{"at"'):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(index.os, "write", full)
    with pytest.raises(UserError, match="can't be written to: No space left"):
        finish(job)
    assert pictures(job.out) == {"a-3.png"}


def test_what_a_killed_process_left_unfinished_is_swept(job, monkeypatch):
    finish(job)
    folder = job.out / store.FILES / store.UNFINISHED
    here = store.socket.gethostname()
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = folder / f"{here}-{child.pid}-0.tmp"
    living, elsewhere, forgotten = (folder / f"{who}-0.tmp" for who in (f"{here}-{os.getpid()}", "x-y-1", "x-y-2"))
    for path in (dead, living, elsewhere, forgotten):
        path.touch()
    os.utime(forgotten, (0, 0))
    finish(job)
    assert set(folder.iterdir()) == {living, elsewhere}


# --- The index ---


def test_the_index_tells_what_there_is(job):
    finish(job)
    whole = json.loads((job.out / "index.json").read_text())
    assert whole["settings"]["steps"] == 2
    about = listed(job.out)["more/c.png"]
    assert [each["seed"] for each in about["pictures"]] == [3, 4]
    first = about["pictures"][0]
    assert (first["file"], first["size"], first["by"]) == ("more/c-3.png", [24, 16], "cpu, float32")
    assert first["seconds"] > 0
    assert Image.open(job.out / about["small_map"]).size == (24, 16)
    (job.out / "more/c-3.png").unlink()
    index.write(job.out)
    assert [each["seed"] for each in listed(job.out)["more/c.png"]["pictures"]] == [4]


def test_a_picture_finished_just_before_a_kill_is_listed_by_the_next_run(job):
    finish(job)
    (part,) = (job.out / store.FILES).glob(index.PARTS)
    text = part.read_bytes()
    part.write_bytes(text[: text.rindex(b'"file": "more/c-4.png"')])  # the last line, cut short
    last = finish(job)
    assert (last.made, last.kept) == (0, 6)
    assert listed_pictures(job.out) == ALL
    assert listed(job.out)["more/c.png"]["pictures"][1]["size"] == [24, 16]


def test_whoever_writes_last_has_seen_all_lines(job, monkeypatch):
    """Another process finishes, its index written, between our reading of the parts and our writing."""
    finish(job)
    merged, written = index.merged, []

    def interrupted(out):
        whole = merged(out)
        if not written:
            part = Part(out, 1)
            part.add(Line("late.png", error="too late"))
            part.close()
            written.append(merged(out))
        return whole

    monkeypatch.setattr(index, "merged", interrupted)
    index.write(job.out)
    assert "late.png" in listed(job.out)


def test_the_index_is_not_written_anew_for_every_map(job, monkeypatch):
    written = []
    monkeypatch.setattr(rendering, "write", written.append)
    monkeypatch.setattr(index, "write", written.append)
    finish(job)
    assert written == [job.out]
    monkeypatch.setattr(index, "SOONEST", 0.0)
    finish(job)
    assert len(written) > 2


def test_the_page_shows_names_as_they_are_and_needs_nothing_from_outside():
    picture = {"seed": 1, "file": "a&b/<x> ü#1-1.png", "size": [8, 4], "seconds": 1, "by": "cpu"}
    about = {"map": "a&b/<x> ü#1.png", "error": "<b>", "notes": [], "pictures": [picture], "small_map": ""}
    text = "".join(sheet.page({"settings": {"model": "<m>"}, "maps": [about]}))
    assert "a&amp;b/&lt;x&gt; ü#1.png" in text
    assert 'src="a%26b/%3Cx%3E%20%C3%BC%231-1.png"' in text
    assert "<x>" not in text
    assert "<b>" not in text
    assert not re.search(r"https?://|@import|<script", text)


# --- Several processes ---


COMMAND = [sys.executable, str(ROOT / "launch.py"), "--no-venv", "render", "--device", "cpu", "--precision", "float32"]


def command(job: Job, *more: str) -> list[str]:
    wanted = ["--map", str(job.maps), "--out", str(job.out), "--model", job.settings.model]
    return [*COMMAND, *wanted, "--seed", "3", "--variations", "2", *more]


def start(command: list[str], **environment: str) -> subprocess.Popen:
    env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_run_that_is_killed_goes_on_where_it_was(job):
    for number in range(5):
        save_map(job.maps / f"d{number}.png", number)
    words = command(job, "--steps", "30")
    first = start(words)
    deadline = time.monotonic() + 120
    while len(pictures(job.out)) < 3 and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    first.kill()
    first.communicate()
    before = times(job.out)
    assert 3 <= len(before) < 16
    assert all(store.is_whole(job.out / name) for name in before)
    said, _ = start(words).communicate(timeout=120)
    kept = int(re.search(r"there before: (\d+)", said)[1])
    assert kept == len(before)
    assert {name: when for name, when in times(job.out).items() if name in before} == before
    assert len(pictures(job.out)) == 16
    assert listed_pictures(job.out) == pictures(job.out)
    assert not list((job.out / store.FILES / store.UNFINISHED).iterdir())


def test_processes_of_torchrun_divide_the_maps(job):
    (job.maps / "ab.png").write_bytes(b"no picture")  # among the second's; a status would make torchrun end the first
    save_map(job.maps / "c.png", 9)
    shares = [start(command(job, "--steps", "2"), RANK=rank, WORLD_SIZE="2", LOCAL_RANK=rank) for rank in "01"]
    said = [share.communicate(timeout=120) for share in shares]
    assert [share.returncode for share in shares] == [0, 0], said
    assert pictures(job.out) == {*ALL, "c-3.png", "c-4.png"} == listed_pictures(job.out)
    assert ["Pictures made: 6" in said[0][0], "Pictures made: 2" in said[1][0]] == [True, True]
    assert "map 3/3" in said[0][1]
    assert "map 1" not in said[1][1]
    assert sum("ab.png can't be read" in err for _, err in said) == 1
    assert "can't be read" in listed(job.out)["ab.png"]["error"]


def test_a_worker_that_is_killed_is_told_and_the_other_finishes(job):
    for number in range(5):
        save_map(job.maps / f"d{number}.png", number)
    slow = replace(job, settings=replace(job.settings, sampling=replace(SAMPLING, steps=60)))
    told, killed = [], False
    for progress in workers.run_on(["cpu", "cpu"], slow):
        if progress.done >= 2 and not killed:
            killed = True
            (victim,) = (each for each in multiprocessing.active_children() if each.name == "worker 2")
            victim.kill()
        told += [progress.problem] if progress.problem else []
    assert len(told) == 1
    assert re.match(r"Worker 2 \(cpu\): killed by signal 9, [0-3] of its 4 maps done", told[0])
    assert {f"{stem}-3.png" for stem in ("a", "d0", "d2", "d4")} <= pictures(job.out)
    assert listed_pictures(job.out) == pictures(job.out) < {*ALL, *(f"d{n}-{s}.png" for n in range(5) for s in (3, 4))}


def test_what_no_process_can_do_is_said_before_any_is_started(job, monkeypatch):
    monkeypatch.setattr(workers, "Crew", None)
    finish(job)
    with pytest.raises(UserError, match="begun with"):
        list(workers.run_on(["cpu", "cpu"], changed(job, steps=3)))


@pytest.mark.parametrize(
    ("asked", "device", "gpus", "devices"),
    [
        (1, "auto", 0, ["cpu"]),
        (None, "auto", 0, ["cpu"]),
        (3, "cpu", 4, ["cpu"] * 3),
        (None, "auto", 2, ["cuda:0", "cuda:1"]),
        (None, "cuda", 2, ["cuda:0", "cuda:1"]),
        (1, "auto", 2, ["cuda:0"]),
        (None, "cuda:1", 2, ["cuda:1"]),
        (3, "auto", 2, "--workers 3 is more than the 2"),
        (2, "cuda:1", 2, "--workers 2 is more than the 1"),
    ],
)
def test_one_device_a_process(monkeypatch, asked, device, gpus, devices):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    if isinstance(devices, list):
        assert workers.devices_for(asked, device) == devices
    else:
        with pytest.raises(UserError, match=devices):
            workers.devices_for(asked, device)


def test_torchrun_says_which_share_and_which_gpu(job, monkeypatch):
    assert workers.torchrun_share({}, job) == job
    environment = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}
    share = workers.torchrun_share(environment, job)
    assert (share.rank, share.processes, share.device) == (5, 8, "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    automatic = replace(job, device="auto")
    assert workers.torchrun_share(environment, automatic).device == "cuda:1"
    assert workers.torchrun_share(environment, replace(job, device="cuda:3")).device == "cuda:3"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # each process is shown its own GPU alone
    assert workers.torchrun_share(environment, automatic).device == "cuda:0"
    with pytest.raises(UserError, match="RANK 8 of WORLD_SIZE 8"):
        workers.torchrun_share({**environment, "RANK": "8"}, job)
