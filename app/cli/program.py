"""The options of the program itself: app, bench, test."""

from __future__ import annotations

import argparse
import os

from app.cli.choices import DEFAULT_PORT, LOOPBACK, PASSWORD_VARIABLE
from app.cli.parser import Parser
from app.cli.shared import add_device
from app.cli.values import file, name, port, positive_int


def add_app(parser: Parser) -> None:
    parser.add_argument(
        "--port",
        type=port,
        metavar="N",
        help=f"where the page is served (default {DEFAULT_PORT}, or the next free one)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to serve on (default %(default)s: this computer alone)"
    )
    parser.add_argument("--password", help=f"what visitors sign in with; better given as {PASSWORD_VARIABLE}")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in the browser")
    add_device(parser)


def add_bench(parser: Parser) -> None:
    parser.add_argument("--json", type=file, metavar="FILE", help="write the rows here too")
    parser.add_argument("--only", type=name, metavar="NAME", help="one benchmark, such as step-ours")
    parser.add_argument(
        "--rounds", type=positive_int, default=5, metavar="N", help="medians are over so many (default %(default)s)"
    )


def add_test(parser: Parser) -> None:
    parser.usage = "%(prog)s [pytest's own arguments]"


def check_address(args: argparse.Namespace, parser: Parser) -> None:
    """Fill in the password from the environment; refuse to serve other computers without one."""
    args.password = args.password or os.environ.get(PASSWORD_VARIABLE)
    if not args.password and args.host not in LOOPBACK:
        parser.error(
            f"--host {args.host} lets other computers in, so it needs a password: --password or {PASSWORD_VARIABLE}"
        )
