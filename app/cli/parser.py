"""The parser of all commands."""

from __future__ import annotations

import argparse


class Parser(argparse.ArgumentParser):
    """Says what is wrong with an argument in one line, and ends with status 2."""

    def error(self, message: str) -> None:
        self.exit(2, f"{self.prog}: {' '.join(message.split())}. See {self.prog} --help\n")
