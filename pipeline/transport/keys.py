"""CURVE key pairs for publishing over a network."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

from stages.atomic import output_error, part_path
from stages.errors import ConfigError

_KEY_BYTES = 32


def make_key(folder: Path, name: str) -> tuple[Path, Path]:
    """Creates a CURVE key pair: ``NAME.key`` (public) and ``NAME.key_secret`` (mode 0600).

    Raises:
        ConfigError: The name is empty or a path, or one of the files exists.
        OutputError: The files cannot be written.
    """
    from zmq.auth import create_certificates

    if not name.strip():
        raise ConfigError("a pair of keys needs a name")
    if Path(name).name != name:
        raise ConfigError(
            f"a pair of keys is named without a folder, which --folder sets; got {name}"
        )
    paths = folder / f"{name}.key", folder / f"{name}.key_secret"
    try:
        taken = [path for path in paths if path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(paths[1], error) from error
    if taken:
        raise ConfigError(f"{taken[0]} exists; choose another name")
    aside = part_path(folder / name)
    try:
        shutil.rmtree(aside, ignore_errors=True)  # left by a killed process
        aside.mkdir(mode=0o700)
        create_certificates(aside, name)
        (aside / paths[1].name).chmod(0o600)
        for path in paths:
            (aside / path.name).replace(path)
    except OSError as error:
        raise output_error(paths[1], error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return paths


def load_key(path: str | os.PathLike[str]) -> tuple[bytes, bytes]:
    """Returns the public and the secret key of a ``.key_secret`` file.

    Raises:
        ConfigError: The file cannot be read or has no secret key.
    """
    public, secret = load_certificate(path)
    if secret is None:
        raise ConfigError(f"{path} holds no secret key; is it the .key_secret file?")
    return public, secret


def load_certificate(path: str | os.PathLike[str]) -> tuple[bytes, bytes | None]:
    """Returns the public key of a file, and its secret key if it holds one.

    Raises:
        ConfigError: The file cannot be read or holds no key.
    """
    from zmq import auth

    try:
        public, secret = auth.load_certificate(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read a key from {path}: {error}") from error
    except IndexError:  # a line without a value
        public, secret = b"", None
    if not (_is_key(public) and (secret is None or _is_key(secret))):
        raise ConfigError(f"cannot read a key from {path}: it is cut off or has been changed")
    return public, secret


def _is_key(text: bytes) -> bool:
    from zmq.utils import z85

    try:
        return len(z85.decode(text)) == _KEY_BYTES
    except (KeyError, ValueError, struct.error):
        return False
