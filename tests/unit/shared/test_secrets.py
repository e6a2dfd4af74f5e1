"""Secrets at rest: sealed under one key and for one purpose, opened by nothing else, kept in files of their owner."""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import Invalid
from shared.runtime.secrets import SECRET_KEY, VERSION, Sealer, known_sealer, sealer, write_private
from shared.runtime.settings import Settings

KEY, OTHER = b"k" * 32, b"o" * 32
PURPOSE = "point:A150102_4201"


def settings_of(folder: Path, **given_settings: object) -> Settings:
    return Settings(_env_file=None, data_dir=folder, **given_settings)  # type: ignore[arg-type]


def text_of(key: bytes) -> str:
    return urlsafe_b64encode(key).decode()


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=80), purpose=st.text("abc:_", max_size=12))
def test_what_was_sealed_opens_with_the_same_key_for_the_same_purpose(text: str, purpose: str) -> None:
    assert Sealer(KEY).open(Sealer(KEY).seal(text, purpose), purpose) == text


def test_the_same_text_sealed_twice_is_not_the_same_so_equal_passwords_do_not_show() -> None:
    sealed = {Sealer(KEY).seal("123456", PURPOSE) for _ in range(50)}
    assert len(sealed) == 50
    assert not any("123456" in one for one in sealed)


def test_another_key_does_not_open_it_and_the_error_tells_nothing_of_it() -> None:
    sealed = Sealer(KEY).seal("123456", PURPOSE)
    with pytest.raises(Invalid) as refused:
        Sealer(OTHER).open(sealed, PURPOSE)
    assert refused.value.field == "YUJING_SECRET_KEY"
    assert "123456" not in refused.value.detail and sealed not in refused.value.detail


def test_the_secret_of_one_point_does_not_stand_for_that_of_another() -> None:
    sealed = Sealer(KEY).seal("123456", PURPOSE)
    with pytest.raises(Invalid):
        Sealer(KEY).open(sealed, "point:A150102_4202")


@pytest.mark.parametrize("place", [0, 5, 11, 12, 15, -17, -1], ids=lambda place: f"byte {place}")
def test_one_changed_bit_anywhere_is_noticed(place: int) -> None:
    blob = bytearray(b64decode(Sealer(KEY).seal("123456", PURPOSE).removeprefix(VERSION)))
    blob[place] ^= 1
    with pytest.raises(Invalid):
        Sealer(KEY).open(VERSION + b64encode(bytes(blob)).decode(), PURPOSE)


@pytest.mark.parametrize("sealed", ["", VERSION, "g1:AAAA", "g1:***", "123456", "烟气"], ids=repr)
def test_what_was_never_sealed_is_refused_and_raises_nothing_else(sealed: str) -> None:
    with pytest.raises(Invalid):
        Sealer(KEY).open(sealed, PURPOSE)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_of_another_length_is_refused_with_the_rule(size: int) -> None:
    with pytest.raises(Invalid) as refused:
        Sealer(b"k" * size)
    assert refused.value.rule == "32 bytes in base64"


def test_fingerprints_tell_keys_apart_and_stay_the_same() -> None:
    assert Sealer(KEY).fingerprint == Sealer(KEY).fingerprint != Sealer(OTHER).fingerprint
    assert len(Sealer(KEY).fingerprint) == 32
    assert text_of(KEY)[:8] not in Sealer(KEY).fingerprint


def test_the_first_start_makes_a_key_that_only_its_owner_reads_and_later_ones_take_it(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data")
    assert known_sealer(settings) is None
    made = sealer(settings)
    file = tmp_path / "data" / SECRET_KEY
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert sealer(settings).fingerprint == made.fingerprint


def test_a_key_in_the_settings_goes_before_the_file_and_makes_none(tmp_path: Path) -> None:
    given_key = sealer(settings_of(tmp_path, secret_key=text_of(KEY)))
    assert given_key.fingerprint == Sealer(KEY).fingerprint
    assert not (tmp_path / SECRET_KEY).exists()


def test_a_key_file_may_have_a_line_end_and_leave_the_padding_out(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(text_of(KEY).rstrip("=") + "\n", encoding="ascii")
    found = known_sealer(settings_of(tmp_path, secret_key_file=file))
    assert found is not None and found.fingerprint == Sealer(KEY).fingerprint


@pytest.mark.parametrize("text", ["abc", "a" * 40, "k" * 32], ids=["2 bytes", "30 bytes", "24 bytes"])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text, encoding="ascii")
    with pytest.raises(Invalid) as refused:
        known_sealer(settings_of(tmp_path, secret_key_file=file))
    assert refused.value.field == "YUJING_SECRET_KEY" and text not in refused.value.detail


def test_a_private_file_that_is_there_is_left_as_it_is_and_no_draft_stays(tmp_path: Path) -> None:
    write_private(tmp_path / "token", b"first")
    write_private(tmp_path / "token", b"second")
    assert (tmp_path / "token").read_bytes() == b"first"
    assert [one.name for one in tmp_path.iterdir()] == ["token"]
