"""Object code on disk, so that the next process need not compile it again.

A file's name is the hash of all that its code depends on: the IR text, the
instructions and the CPU, the versions of moonpool and of LLVM. Its header has a
hash of the rest, and nothing is used that does not agree with it, that somebody
else owns or could write to, or that is a link. What goes wrong here is as if
there were no cache: code is compiled, and no exception is raised.

MOONPOOL_CACHE=0 switches it off; MOONPOOL_CACHE_DIR says where it is, else
XDG_CACHE_HOME, else ~/.cache; MOONPOOL_CACHE_SIZE bounds it, as in "64M".
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import struct
import time
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from moonpool import _core, _llvm

if TYPE_CHECKING:
    from collections.abc import Iterator

# magic, the key, bytes of code; then a hash of these and of the code.
_MAGIC = b"moonpool object1"
_HEADER = struct.Struct("<16s32sQ")
_DIGEST = 32

_SIZE = "256M"
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
# A store of n bytes looks at all files with a probability of n to this part of
# the cache's size, which by so much may be exceeded.
_PART = 32
# Of the size: as much is left when the oldest files have been removed.
_LEFT = 0.75
# What a file is that has been used lately, and one that nobody writes any more
# and that has not got its name; in seconds.
_LATELY = 600.0
_GIVEN_UP = 3600.0

_NAME = re.compile(r"[0-9a-f]{64}\.o")
_PARTIAL = re.compile(r"[0-9a-f]{64}\.o\.\d+\.\d+")

_serial = count()


class OffError(Exception):
    """Why there is no cache."""


class Usage(NamedTuple):
    """What is in the cache."""

    directory: Path
    files: int
    size: int
    limit: int


class _Settings(NamedTuple):
    directory: Path
    limit: int


def _settings() -> _Settings:
    """Return what the environment says now."""
    env = os.environ
    if env.get("MOONPOOL_CACHE", "1").lower() in ("", "0", "off", "no", "false"):
        raise OffError("MOONPOOL_CACHE says so")
    match = re.fullmatch(r"(\d{1,15}) *([KMG]?)(i?B)?", env.get("MOONPOOL_CACHE_SIZE", _SIZE))
    if match is None:
        raise OffError("MOONPOOL_CACHE_SIZE is no number of bytes")
    limit = int(match[1]) * _UNITS[match[2]]
    if limit == 0:
        raise OffError("MOONPOOL_CACHE_SIZE is 0")
    own = env.get("MOONPOOL_CACHE_DIR")
    if own == "":
        raise OffError("MOONPOOL_CACHE_DIR is empty")
    if own is None:
        # One that is not absolute is to be ignored.
        home = env.get("XDG_CACHE_HOME", "")
        if not home.startswith("/"):
            home = os.path.expanduser("~/.cache")
        own = f"{home}/moonpool"
    if not own.startswith("/"):
        raise OffError(f"{own!r} is no absolute path")
    return _Settings(Path(own), limit)


def _check(status: os.stat_result) -> None:
    """Refuse what somebody else could have written."""
    if status.st_uid != os.geteuid():
        raise OffError("somebody else owns it")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OffError("others may write to it")


@contextlib.contextmanager
def _opened(directory: Path, *, make: bool) -> Iterator[int]:
    """Give a descriptor of the directory, which all names are relative to."""
    if make:
        directory.mkdir(0o700, parents=True, exist_ok=True)
    at = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _check(os.fstat(at))
        yield at
    finally:
        os.close(at)


# ---- keys --------------------------------------------------------------------

_identity: list[bytes] = []


def _makers() -> bytes:
    """Return what tells versions apart, without importing LLVM."""
    if not _identity:
        spec = find_spec("llvmlite")
        if spec is None or spec.origin is None:
            raise OffError("llvmlite is not installed")
        package = Path(spec.origin).parent
        (library,) = package.glob("binding/libllvmlite.*")
        found = [
            _core.__version__.encode(),
            # It says which passes there are.
            Path(_llvm.__file__).read_bytes(),
            (package / "_version.py").read_bytes(),
            str(library.stat().st_size).encode(),
        ]
        _identity.append(b"".join(hashlib.sha256(one).digest() for one in found))
    return _identity[0]


def knows_makers() -> bool:
    """Return whether `key` needs to look for no module any more."""
    return bool(_identity) and bool(_core.cpu)


def key(ir: bytes, isa: str) -> bytes | None:
    """Return the hash of all that the code of IR text depends on; None: no cache."""
    try:
        _settings()
        makers = _makers()
    except (OffError, OSError, ValueError):
        return None
    cpu = _core.cpu or repr(_llvm.target(isa))
    text = hashlib.sha256(makers)
    text.update(f"{isa}\n{cpu}\n".encode())
    text.update(ir)
    return text.digest()


# ---- files -------------------------------------------------------------------


def _pack(name: bytes, code: bytes) -> bytes:
    header = _HEADER.pack(_MAGIC, name, len(code))
    return header + hashlib.sha256(header + code).digest() + code


def _unpack(name: bytes, data: bytes) -> bytes | None:
    """Return the code in a file, if it is whole and that of the key."""
    start = _HEADER.size + _DIGEST
    if len(data) < start:
        return None
    header, code = data[: _HEADER.size], data[start:]
    if header != _HEADER.pack(_MAGIC, name, len(code)):
        return None
    if hashlib.sha256(header + code).digest() != data[_HEADER.size : start]:
        return None
    return code


def load(name: bytes) -> bytes | None:
    """Return the code that was stored under a key, or None."""
    try:
        settings = _settings()
        with _opened(settings.directory, make=False) as at:
            # Not to wait for the other end, where it is a pipe.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.open(f"{name.hex()}.o", flags, dir_fd=at)
            with open(file, "rb") as stream:
                status = os.fstat(file)
                _check(status)
                if not stat.S_ISREG(status.st_mode) or status.st_size > settings.limit:
                    return None
                data = stream.read(status.st_size)
                if time.time() - status.st_mtime > _LATELY:
                    with contextlib.suppress(OSError):
                        os.utime(file)
    except (OffError, OSError):
        return None
    return _unpack(name, data)


def store(name: bytes, code: bytes) -> None:
    """Store code under a key, and remove the oldest where there is too much."""
    try:
        settings = _settings()
        data = _pack(name, code)
        if len(data) * 4 > settings.limit:
            return
        with _opened(settings.directory, make=True) as at:
            _write(at, f"{name.hex()}.o", data)
            # A hash is as good as a random number.
            if int.from_bytes(name[:4], "big") * settings.limit < len(data) * _PART << 32:
                _trim(at, settings.limit)
    except (OffError, OSError):
        return


def _write(at: int, name: str, data: bytes) -> None:
    """Write a file that has its name when it is complete, and else is not there."""
    partial = f"{name}.{os.getpid()}.{next(_serial)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(partial, flags, 0o600, dir_fd=at)
    try:
        with open(file, "wb") as stream:
            stream.write(data)
        os.replace(partial, name, src_dir_fd=at, dst_dir_fd=at)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial, dir_fd=at)
        raise


def _files(at: int) -> list[tuple[float, int, str]]:
    """Return when each file was used, its size and name, the oldest first."""
    found = []
    with os.scandir(at) as entries:
        for entry in entries:
            if not (_NAME.fullmatch(entry.name) or _PARTIAL.fullmatch(entry.name)):
                continue
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                found.append((status.st_mtime, status.st_size, entry.name))
    return sorted(found)


def _remove(at: int, name: str) -> None:
    # Another process may have been faster.
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=at)


def _trim(at: int, limit: int) -> None:
    """Remove what was used the longest ago, where there is more than `limit`."""
    files = _files(at)
    given_up = time.time() - _GIVEN_UP
    for used, _, name in files:
        if used < given_up and _PARTIAL.fullmatch(name):
            _remove(at, name)
    total = sum(size for _, size, _ in files)
    if total <= limit:
        return
    for _, size, name in files:
        if total <= limit * _LEFT:
            return
        _remove(at, name)
        total -= size


# ---- for who looks -----------------------------------------------------------


def usage() -> Usage:
    """Return what is in the cache.

    Raises
    ------
    OffError
        Where there is none, with the reason.
    """
    settings = _settings()
    try:
        with _opened(settings.directory, make=False) as at:
            files = _files(at)
    except FileNotFoundError:
        files = []
    except OSError as error:
        raise OffError(f"{settings.directory}: {error.strerror}") from error
    except OffError as error:
        raise OffError(f"{settings.directory}: {error}") from error
    size = sum(one for _, one, _ in files)
    return Usage(settings.directory, len(files), size, settings.limit)


def clear() -> Usage:
    """Remove all files, and return what there was."""
    before = usage()
    with contextlib.suppress(FileNotFoundError), _opened(before.directory, make=False) as at:
        for _, _, name in _files(at):
            _remove(at, name)
    return before
