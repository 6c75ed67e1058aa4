import contextlib
from pathlib import Path

import pytest

from pipeline.transport.keys import load_certificate, load_key, make_key
from stages.errors import ConfigError, OutputError


def test_keys_are_kept_private_and_never_overwritten(tmp_path):
    folder = tmp_path / "new" / "keys"
    public, secret = make_key(folder, "north")
    assert secret.stat().st_mode & 0o777 == 0o600
    assert load_key(secret)[0] == load_certificate(public)[0]
    assert [len(key) for key in load_key(secret)] == [40, 40]
    for gone, left in (("key", "key_secret"), ("key_secret", "key")):
        make_key(folder, gone)
        (folder / f"{gone}.{gone}").unlink()
        with pytest.raises(ConfigError, match=rf"{gone}\.{left} exists; choose another name"):
            make_key(folder, gone)
    with pytest.raises(ConfigError, match="holds no secret key"):
        load_key(public)
    with pytest.raises(ConfigError, match="cannot read a key"):
        load_key(tmp_path / "nowhere")
    public.write_text("no key")
    with pytest.raises(ConfigError, match="cannot read a key"):
        load_key(public)


def test_a_truncated_or_modified_key_file_is_named(tmp_path):
    secret = make_key(tmp_path, "north")[1]
    whole, keys = secret.read_bytes(), load_key(secret)
    end = whole.index(keys[1]) + len(keys[1])
    for length in range(len(whole) + 1):
        secret.write_bytes(whole[:length])
        if length < end:
            with pytest.raises(ConfigError, match=r"north\.key_secret"):
                load_key(secret)
        else:
            assert load_key(secret) == keys
    for character in (b"~", b"\xe9", b"%%%%%"):  # the last is valid Z85, but more than four bytes
        for key in keys:
            secret.write_bytes(whole.replace(key, character + key[len(character) :]))
            with pytest.raises(ConfigError, match=r"north\.key_secret: it is cut off or has been"):
                load_key(secret)


@pytest.mark.parametrize("name", ["", " "])
def test_keys_without_a_name_are_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="needs a name"):
        make_key(tmp_path / "keys", name)
    assert list(tmp_path.iterdir()) == []


def test_keys_stay_in_their_folder(tmp_path):
    with pytest.raises(ConfigError, match=r"without a folder, which --folder sets; got \.\./a"):
        make_key(tmp_path / "keys", "../a")
    assert not list(tmp_path.iterdir())


def test_keys_that_cannot_be_written_are_an_output_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*north\.key_secret: "):
        make_key(tmp_path / "file", "north")


def test_keys_in_a_folder_without_access_are_an_output_error(closed_folder):
    with pytest.raises(OutputError, match=r"cannot write .*north\.key_secret: permission denied"):
        make_key(closed_folder, "north")


def test_leftovers_of_a_killed_process_are_replaced(tmp_path, monkeypatch):
    def interrupt(folder, name):
        (Path(folder) / f"{name}.key_secret").touch()
        raise KeyboardInterrupt

    (tmp_path / ".north.part").mkdir()
    (tmp_path / ".north.part" / "north.key_secret").touch()
    with monkeypatch.context() as patch:
        patch.setattr("zmq.auth.create_certificates", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make_key(tmp_path, "north")
    assert list(tmp_path.iterdir()) == []
    load_key(make_key(tmp_path, "north")[1])
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_leaves_no_half_written_key_pair(full_disk):
    with contextlib.suppress(OSError), (full_disk / "filler").open("ab", buffering=0) as filler:
        while True:
            filler.write(b"\0" * 4096)
    with pytest.raises(OutputError, match="no space left"):
        make_key(full_disk, "north")
    assert [path.name for path in full_disk.iterdir()] == ["filler"]
