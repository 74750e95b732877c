"""Zip files from anywhere, read within limits: projects, and the layered paintings of Krita and OpenRaster."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import BinaryIO

from engine.types import UserError

MAX_MEMBERS = 4096
MAX_DIRECTORY = 2**20  # bytes that the list of members may take
MERGED = "mergedimage.png"  # where .kra and .ora keep the whole picture
TAIL = 22 + 2**16  # how far from a zip's end its last record can begin

_BROKEN = (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zipfile.zlib.error)


def is_zip(data: bytes) -> bool:
    return data.startswith(b"PK\x03\x04")


def open_archive(name: str, file: BinaryIO) -> zipfile.ZipFile:
    """The zip in a seekable file; `name` is what errors call it.

    The list of members is judged by its length before it is read. Raises UserError for what is no zip, for more than
    MAX_MEMBERS, for one name twice, and for names that lead out of a folder.
    """
    _check_directory(name, file)
    try:
        archive = zipfile.ZipFile(file)
    except _BROKEN as error:
        raise _damaged(name) from error
    names = archive.namelist()
    if len(names) > MAX_MEMBERS:
        raise UserError(f"{name} holds {len(names):,} files, more than {MAX_MEMBERS:,}. It is no project or painting.")
    if len(set(names)) < len(names):
        raise UserError(f"{name} holds two files of one name. Save it again.")
    for each in names:
        if each.startswith("/") or "\\" in each or ":" in each or ".." in each.split("/"):
            raise UserError(f"{name} holds a file whose name leads out of its folder. It was not opened.")
    return archive


def read_member(name: str, archive: zipfile.ZipFile, member: str, limit: int) -> bytes | None:
    """What a member holds, None where there is none of that name.

    Never inflates more than `limit` bytes, whatever the archive says. Raises UserError beyond, and where it is damaged.
    """
    try:
        with archive.open(member) as file:
            data = file.read(limit + 1)
    except KeyError:
        return None
    except _BROKEN as error:
        raise UserError(f"{name} is damaged: its {member} can't be read. Save it again, or open a copy.") from error
    if len(data) > limit:
        raise UserError(f"{member} in {name} is more than {limit // 2**20:,} MiB. Save it smaller.")
    return data


def merged_picture(name: str, data: bytes, limit: int) -> bytes:
    """The whole picture of a Krita or OpenRaster painting, as the bytes of a PNG. Raises UserError."""
    with open_archive(name, BytesIO(data)) as archive:
        merged = read_member(name, archive, MERGED, limit)
    if merged is None:
        raise UserError(f"{name} is a zip without a picture ({MERGED}). Open a .kra or .ora painting, or export a PNG.")
    return merged


def _check_directory(name: str, file: BinaryIO) -> None:
    """Raises UserError where a zip's last record is missing or names a list of members beyond MAX_DIRECTORY."""
    file.seek(0, 2)
    start = max(0, file.tell() - TAIL)
    file.seek(start)
    tail = file.read(TAIL)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise _damaged(name)
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    if length > MAX_DIRECTORY or tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):  # the latter: zip64
        raise UserError(f"{name} lists more files than a project or painting holds ({MAX_MEMBERS:,}).")
    file.seek(0)


def _damaged(name: str) -> UserError:
    return UserError(f"{name} is no zip file, or it is cut short. Save it again, or open a copy.")
