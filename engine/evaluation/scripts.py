"""Networks that come as a TorchScript file: nothing is downloaded, no class of theirs is needed."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from engine.types import UserError


def load_script(path: Path, device: torch.device) -> torch.jit.ScriptModule:
    """The network of a file that torch.jit.save wrote, ready to evaluate. Such a file is a program: only load what you
    trust. Raises UserError.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}. Give a TorchScript network (torch.jit.save).")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the public networks come in this form alone
            return torch.jit.load(str(path), map_location=device).eval()
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0][:120]
        raise UserError(
            f"{path.name} is no TorchScript network ({first}). Give a file that torch.jit.save wrote, whole."
        ) from None


def argument_names(script: torch.jit.ScriptModule) -> list[str]:
    """Of its forward, but for itself."""
    return [argument.name for argument in script.forward.schema.arguments][1:]


def run_script(path: Path, script: torch.jit.ScriptModule, *given: object, **named: object) -> torch.Tensor:
    """What it gives. Raises UserError where it fails on that, or gives no tensor."""
    try:
        with torch.inference_mode():
            found = script(*given, **named)
    except RuntimeError as error:
        last = str(error).strip().splitlines()[-1][:200]
        raise UserError(f"{path.name} can't be run on pictures ({last}). docs/evaluation.md says what fits.") from None
    if not isinstance(found, torch.Tensor):
        raise UserError(f"{path.name} gives {type(found).__name__}, no tensor. docs/evaluation.md says what fits.")
    return found
