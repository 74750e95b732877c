"""A file of others -> its weights by name, through readers that can't run what the file says."""

from __future__ import annotations

import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.types import UserError

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
PARTS = ("ema", "ema_state_dict", "state_dict", "model_state_dict", "model")  # where training tools put the weights
PREFIXES = ("module.", "_orig_mod.", "model.")  # of DataParallel, torch.compile, Lightning
MAX_NAME = 200
GET_AGAIN = "Get it again from where it was published."


@dataclass(frozen=True)
class Weights:
    """Tensors by the network's own names. `mapped`: they lie in the file still, and are read when they are used."""

    tensors: dict[str, Tensor]
    mapped: bool
    remarks: tuple[str, ...] = ()


def read_weights(path: Path) -> Weights:
    """Everything that may be wrong with a file, other than its shapes and numbers, raises UserError here."""
    size, head = _look_at(path)
    if _is_safetensors(head, size):
        loaded, mapped = _read_safetensors(path), True
    else:
        mapped = head.startswith(b"PK")
        if mapped:
            _check_archive(path)
        loaded = _read_restricted(path, mapped)
    tensors, part = _tensors_in(path, loaded)
    tensors, prefix = _without_prefix(tensors)
    _check_tensors(path, tensors, size)
    remarks = [f"Only its part “{part}” was converted."] if part else []
    remarks += [f"The names of its weights began with “{prefix}”, which was left out."] if prefix else []
    return Weights(tensors, mapped, tuple(remarks))


# --- From bytes to entries ---


def _look_at(path: Path) -> tuple[int, bytes]:
    """Size and first bytes of a file that can be a checkpoint."""
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is no file. Name the .pt file itself.")
        with path.open("rb") as file:
            head = file.read(512)
        size = path.stat().st_size
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}. Check the path.") from error
    if not size:
        raise UserError(f"{path.name} is empty. {GET_AGAIN}")
    if head.lstrip().startswith(b"<"):
        raise UserError(
            f"{path.name} is a web page, not a checkpoint: the download asked for something first. "
            "Open its address in a browser and confirm."
        )
    if head[257:262] == b"ustar":
        raise UserError(f"{path.name} is a tar archive. Unpack it, and give the .pt file in it.")
    return size, head


def _is_safetensors(head: bytes, size: int) -> bool:
    """Its first 8 bytes are the length of the JSON that follows."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") + 8 <= size


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, "pt") as file:
            if "spadework" in (file.metadata() or {}):
                raise UserError(f"{path.name} is a Spadework model already. Use it as it is, with --model {path}.")
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path.name} can't be read as safetensors ({error}). {GET_AGAIN}") from None


def _check_archive(path: Path) -> None:
    """Raises UserError for a zip file that torch.save did not write: cut off, packed, or with a program in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        raise UserError(f"{path.name} is cut off or damaged: its list of contents is missing. {GET_AGAIN}") from None
    names = [entry.filename.split("/")[-1] for entry in entries]
    if "constants.pkl" in names:
        raise _code(path, "TorchScript")
    if "data.pkl" not in names:
        raise UserError(f"{path.name} is a zip archive without weights. Unpack it if there is a .pt file in it.")
    # A packed entry could grow a thousandfold in memory; torch.save packs none.
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise UserError(f"{path.name} is a packed zip archive, which torch.save never writes. {GET_AGAIN}")


def _read_restricted(path: Path, mapped: bool) -> Any:
    """What PyTorch's restricted reader makes of the file: it knows tensors and containers, and refuses all else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old kinds of storage, of no use to who converts
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # a hostile file chooses the error; whichever it is, nothing of the file was run
        # PyTorch's own text is not passed on: it tells how to run the code.
        found = re.search(r"GLOBAL (\S+)|unrecognized function|Can only (?:create|build)", str(error))
        if found:
            raise _code(path, found[1] or "") from None
        raise UserError(
            f"{path.name} can't be read as a PyTorch checkpoint: it is damaged, or not what torch.save writes of "
            f"weights. If it holds code, nothing of it was run. {GET_AGAIN}"
        ) from None


def _code(path: Path, what: str) -> UserError:
    named = f" ({_plain(what)})" if what else ""
    return UserError(
        f"{path.name} holds code{named}, not only weights. It was refused, and nothing of it was run. "
        "Give a file that holds weights alone."
    )


def _plain(text: str) -> str:
    """The start of a text from a file: one line without control characters."""
    line = next(iter(text.strip().splitlines()), "")
    return "".join(c for c in line if c.isprintable())[:120]


# --- From what was loaded to weights ---


def _tensors_in(path: Path, loaded: Any) -> tuple[dict[str, Tensor], str]:
    """The tensors by name in what was loaded, and the name of its part that holds them where it isn't all of it."""
    if not isinstance(loaded, dict):
        raise UserError(f"{path.name} holds a {type(loaded).__name__}, not weights by name. Give an ema_*.pt file.")
    entries = _entries(loaded)
    if {"state", "param_groups"} <= set(entries):
        raise UserError(f"{path.name} holds an optimizer's state, not a model. Give the ema_*.pt file beside it.")
    for part, inner in [("", loaded), *((name, entries.get(name)) for name in PARTS)]:
        if isinstance(inner, dict) and (found := _entries(inner)) and all(map(_is_tensor, found.values())):
            names = [name for name in found if not _is_name(name)]
            if names:
                raise UserError(f"{path.name} has a weight called {_plain(ascii(names[0]))}, no name. {GET_AGAIN}")
            return {name: Tensor.detach(value) for name, value in found.items()}, part
    key = next((key for key, value in entries.items() if not _is_tensor(value)), None)
    what = "nothing" if key is None else f"{_plain(ascii(key))}, which is no tensor"
    raise UserError(f"{path.name} holds {what}. Give a file with the weights alone, such as ema_*.pt.")


def _entries(loaded: dict) -> dict[Any, Any]:
    """A plain dictionary of the entries: a file can give an object attributes that hide its class's methods."""
    return dict(dict.items(loaded))


def _is_tensor(value: Any) -> bool:
    return type(value) in (Tensor, torch.nn.Parameter)


def _is_name(name: Any) -> bool:
    """Whether it can be shown: control characters in a name would reach the terminal."""
    return isinstance(name, str) and name.isprintable() and len(name) <= MAX_NAME


def _without_prefix(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """The tensors without what all their names begin with, and that beginning."""
    removed = ""
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in tensors)), ""):
        tensors = {name[len(prefix) :]: value for name, value in tensors.items()}
        removed += prefix
    return tensors, removed


def _check_tensors(path: Path, tensors: dict[str, Tensor], size: int) -> None:
    """Raises UserError unless all are plain floating-point numbers that lie in the file."""
    for name, value in tensors.items():
        if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu":
            raise UserError(f"{path.name}: weight {name} is sparse, quantized or without numbers. {GET_AGAIN}")
        if value.dtype not in FLOATS:
            raise UserError(f"{path.name}: weight {name} holds {value.dtype}, not floating-point numbers. {GET_AGAIN}")
    # A view can repeat a few stored numbers without end.
    claimed = sum(value.numel() * value.element_size() for value in tensors.values())
    if claimed > size:
        raise UserError(f"{path.name} claims {claimed:,} bytes of weights, but has {size:,} in all. {GET_AGAIN}")
