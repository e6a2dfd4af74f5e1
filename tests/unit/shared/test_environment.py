"""A `YUJING_…` name that nobody reads is named with the nearest one, from the environment and from a file alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.runtime.environment import unknown_names
from shared.runtime.settings import Settings

FIELDS = tuple(Settings.model_fields)


def wrong(folder: Path, text: str = "", **environment: str) -> list[str]:
    file = folder / ".env"
    if text:
        file.write_text(text, encoding="utf-8")
    return unknown_names(FIELDS, file, environment)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("YUJING_DATBASE_URL", "YUJING_DATABASE_URL"),
        ("YUJING_KAFKA_BOOTSRAP", "YUJING_KAFKA_BOOTSTRAP"),
        ("YUJING_HTTPPORT", "YUJING_HTTP_PORT"),
        ("YUJING_SECRETKEY", "YUJING_SECRET_KEY"),
        ("yujing_data_dirr", "YUJING_DATA_DIR"),
    ],
)
def test_a_misspelt_name_is_named_with_the_one_that_was_meant(tmp_path: Path, name: str, nearest: str) -> None:
    assert wrong(tmp_path, **{name: "x"}) == [f"{name.upper()} is no setting: did you mean {nearest}?"]


def test_every_setting_is_known_in_either_case(tmp_path: Path) -> None:
    assert wrong(tmp_path, **{f"YUJING_{name.upper()}": "x" for name in FIELDS}) == []
    assert wrong(tmp_path, **{f"yujing_{name}": "x" for name in FIELDS}) == []


@pytest.mark.parametrize(
    "name", ["YUJING_TOKEN", "YUJING_API", "YUJING_HTTP_PUBLISH", "YUJING_TEST_DATABASE_URL", "YUJING_FUZZ_SEED"]
)
def test_what_commands_compose_and_tests_read_is_no_mistake(tmp_path: Path, name: str) -> None:
    assert wrong(tmp_path, **{name: "x"}) == []


@pytest.mark.parametrize("name", ["PATH", "YUJINGX", "MY_YUJING_PORT", "YUJIN_DATA_DIR"])
def test_names_of_others_are_not_ours_to_judge(tmp_path: Path, name: str) -> None:
    assert wrong(tmp_path, **{name: "x"}) == []


def test_a_file_counts_like_the_environment_and_a_name_in_both_is_named_once(tmp_path: Path) -> None:
    text = "# ours\nYUJING_LOG_FORMT=json\nYUJING_DATA_DIR=/srv/yujing\nOTHER=1\n"
    sentences = "YUJING_LOG_FORMT is no setting: did you mean YUJING_LOG_FORMAT?"
    assert wrong(tmp_path, text) == [sentences]
    assert wrong(tmp_path, text, YUJING_LOG_FORMT="text") == [sentences]


def test_every_wrong_name_is_named_in_order_and_no_value_with_it(tmp_path: Path) -> None:
    sentences = wrong(tmp_path, YUJING_SECRET_KYE="s3cret", YUJING_DATA_DRI="/srv")
    assert [one.split(" ", 1)[0] for one in sentences] == ["YUJING_DATA_DRI", "YUJING_SECRET_KYE"]
    assert "s3cret" not in "".join(sentences)


def test_a_file_that_is_not_there_and_an_empty_one_say_nothing(tmp_path: Path) -> None:
    assert wrong(tmp_path) == []
    assert wrong(tmp_path, "\n") == []
