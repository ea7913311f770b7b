"""Users files: their lines, their faults, reading them again."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from pgwire_py import _impl
from pgwire_py.auth import ScramVerifier, UsersFile, users_file_line
from tests.support.scram import PASSWORD, SALT

VERIFIER = ScramVerifier.from_password(PASSWORD, SALT)


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def look_up(source: UsersFile, user: str) -> ScramVerifier | None:
    return asyncio.run(source.verifier(user, "db"))


class TestUsersFile:
    def test_verifiers_and_passwords(self, tmp_path: Path) -> None:
        lines = f'''; a comment
# another
"ada" "{VERIFIER.format()}"

  "grüß gott"\t"pass ""word"""  ; behind
"semi;colon#" "a;b#c"\r
'''
        users = UsersFile(write(tmp_path / "users", lines))
        assert users.users == ("ada", "grüß gott", "semi;colon#")
        assert look_up(users, "ada") == VERIFIER
        clear = look_up(users, "grüß gott")
        assert clear is not None
        assert clear == ScramVerifier.from_password('pass "word"', clear.salt)
        assert look_up(users, "grüß gott") is clear
        assert look_up(users, "ADA") is None
        assert look_up(users, "") is None

    def test_line_is_read_back(self, tmp_path: Path) -> None:
        line = users_file_line('a "quoted" name', VERIFIER.format())
        users = UsersFile(write(tmp_path / "users", line + "\n"))
        assert look_up(users, 'a "quoted" name') == VERIFIER

    @pytest.mark.parametrize("bad", ["a\nb", "", "a\0b", "a\rb"])
    def test_names_that_no_line_can_hold(self, bad: str) -> None:
        with pytest.raises(ValueError, match=r"name"):
            users_file_line(bad, "secret")

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("ada secret", "expected"),
            ('"ada"', "expected"),
            ('"ada" "hunter2', "expected"),
            ('"ada" "hunter2" "more"', "expected"),
            ('"ada""hunter2"', "expected"),
            ('"" "hunter2"', "empty user name"),
            ('"ada" ""', "empty secret"),
            ('"ada" "hun\0ter2"', "NUL"),
            ('"ada" "SCRAM-SHA-256$4096:hunter2"', "verifier"),
            ('"bob" "hunter2"', "already"),
            (b'"\xff" "hunter2"', "UTF-8"),
        ],
    )
    def test_bad_line(self, tmp_path: Path, line: str | bytes, reason: str) -> None:
        data = b'; head\n"bob" "x"\n' + (line if isinstance(line, bytes) else line.encode()) + b"\n"
        path = write(tmp_path / "users", data)
        with pytest.raises(ValueError, match=reason) as caught:
            UsersFile(path)
        assert str(caught.value).startswith(f"{path}:3: ")
        message = str(caught.value).removeprefix(str(path))
        assert "hunter2" not in message
        assert "d578" not in message

    @pytest.mark.parametrize("text", ["", "\n", "; nobody\n"])
    def test_no_users(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(ValueError, match="no users"):
            UsersFile(write(tmp_path / "users", text))

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            UsersFile(tmp_path / "none")

    def test_read_again_when_changed(self, tmp_path: Path) -> None:
        path = write(tmp_path / "users", '"ada" "one"\n"bob" "two"\n')
        users = UsersFile(path)
        ada, bob = look_up(users, "ada"), look_up(users, "bob")
        write(path, '"ada" "one"\n"bob" "changed"\n"eve" "three"\n')
        assert look_up(users, "ada") is ada
        assert look_up(users, "bob") != bob
        assert look_up(users, "eve") is not None
        write(path, '"eve" "three"\n')
        assert look_up(users, "ada") is None

    @pytest.mark.parametrize("change", ["malformed", "missing"])
    def test_bad_change_keeps_the_users(self, tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str) -> None:
        path = write(tmp_path / "users", '"ada" "one"\n')
        users = UsersFile(path)
        if change == "missing":
            path.unlink()
        else:
            write(path, '"ada" "hunter2\n')
        assert look_up(users, "ada") is not None
        assert "users stay as they were" in caplog.text
        assert "hunter2" not in caplog.text

    def test_world_readable(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING, "pgwire_py.auth"):
            UsersFile(write(tmp_path / "private", '"ada" "one"\n', 0o600))
            assert not caplog.records
            if os.name == "posix":
                UsersFile(write(tmp_path / "open", '"ada" "one"\n', 0o644))
                assert "can be read by everyone" in caplog.text

    def test_repr(self, tmp_path: Path) -> None:
        users = UsersFile(write(tmp_path / "users", '"ada" "hunter2"\n'))
        assert "hunter2" not in repr(users)
        assert "hunter2" not in str(users)

    def test_a_login_never_costs_a_pbkdf2(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        users = UsersFile(write(tmp_path / "users", f'"ada" "{VERIFIER.format()}"\n"bob" "clear"\n'))
        monkeypatch.delattr(_impl, "scram_salted_password")
        assert look_up(users, "ada") == VERIFIER
        assert look_up(users, "bob") is not None
        assert look_up(users, "eve") is None

    def test_unknown_users_have_the_iterations_of_most(self, tmp_path: Path) -> None:
        path = write(tmp_path / "users", '"ada" "one"\n')
        users = UsersFile(path)
        assert users.iterations == 4096
        lines = [users_file_line(name, ScramVerifier.generate("x", 5000).format()) for name in ("bob", "eve")]
        write(path, "\n".join(['"ada" "one"', *lines]))
        assert look_up(users, "ada") is not None
        assert users.iterations == 5000

    def test_clear_text_passwords_are_bounded(self, tmp_path: Path) -> None:
        path = write(tmp_path / "users", "".join(f'"user{n}" "hunter2"\n' for n in range(1001)))
        with pytest.raises(ValueError, match="1001 clear-text passwords, more than 1000") as caught:
            UsersFile(path)
        assert "hunter2" not in str(caught.value)
