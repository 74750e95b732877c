"""Semantic diffusion: label maps to photographs. What a program needs is here; the parts are in the modules."""

from engine.api import *  # noqa: F403 (its __all__ says which)
from engine.api import __all__  # noqa: F401
