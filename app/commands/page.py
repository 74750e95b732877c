"""Opens the page on a port."""

from __future__ import annotations

import argparse
import os
import socket

from app.cli.choices import DEFAULT_PORT


def app(args: argparse.Namespace) -> None:
    from app import serving

    port = open_port(args.host, [args.port] if args.port else range(DEFAULT_PORT, DEFAULT_PORT + 100))
    serving.serve(args.host, port, args.password, not args.no_browser, args.device, args.precision)


def open_port(host: str, ports: range | list[int]) -> int:
    """The first of `ports` that can be served on. Raises UserError where none can."""
    from engine.types import UserError

    problem = ""
    for port in ports:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            if os.name == "posix":  # there a port just left still counts as taken without this; on Windows never
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return port
            except OSError as error:
                problem = error.strerror
    raise UserError(f"{host} port {ports[0]} can't be served on: {problem}. Choose another with --port.")
