"""Why a risk changed, as people read it: figures to two decimals, units as written, full-width punctuation in Chinese."""

from __future__ import annotations

import re

import pytest

from services.monitoring.domain import wording
from services.monitoring.domain.silence import Silence


def test_an_exceedance_gives_its_highest_mean_the_limit_the_multiple_and_the_hours() -> None:
    words = wording.exceeded("a21026", "hour", decided="48.21", limit="35", unit="mg/m3", multiple="0.377", windows=1)
    assert words == {
        "zh": "二氧化硫小时均值最高48.21 mg/m³，限值35 mg/m³，超标0.38倍，共1小时",
        "en": "SO2 hourly mean up to 48.21 mg/m³, limit 35 mg/m³, 38 % over the limit, 1 hour in all",
    }
    days = wording.exceeded("a34013", "day", decided="40", limit="10", unit="mg/m3", multiple="3", windows=2)
    assert days["zh"].endswith("超标3倍，共2日")
    assert (
        days["en"]
        == "particulate matter daily mean up to 40 mg/m³, limit 10 mg/m³, 300 % over the limit, 2 days in all"
    )


def test_a_mean_so_far_is_called_one() -> None:
    near = wording.nearing("a21026", "hour", decided="31.49", limit="35", unit="mg/m3", closed=False)
    assert near["zh"] == "二氧化硫小时均值（本时段至今）31.49 mg/m³，为限值35 mg/m³的89%"
    assert near["en"] == "SO2 hourly mean so far 31.49 mg/m³, 89 % of the limit 35 mg/m³"


def test_a_point_that_sends_nothing_is_overdue() -> None:
    assert wording.silent(Silence.SHORT, 20)["zh"] == "已20分钟未收到数据（逾期未上报）"


@pytest.mark.parametrize(
    "words",
    [
        wording.exceeded("a21026", "hour", decided="1", limit="1", unit="mg/m3", multiple="0.001", windows=3),
        wording.nearing("a21026", "day", decided="1", limit="2", unit="mg/m3", closed=True),
        wording.silent(Silence.DAY, 1440),
        wording.area_silent(6, 8),
        wording.guessed("point", "A1", "1.2.3.4"),
        wording.guessed("address", "A1", "1.2.3.4"),
        wording.faulty(["a21026", "a21002"], "oxygen_missing"),
        wording.implausible("a21026", value="-999", unit="mg/m3"),
        wording.mismatched("a21026", reported="1", own="2", unit="mg/m3"),
        wording.stamps_end(3, 5),
        wording.no_longer_near(),
        wording.healed(),
    ],
    ids=lambda words: words["en"][:30],
)
def test_chinese_has_full_width_punctuation_and_no_double_spaces(words: wording.Why) -> None:
    assert not re.search(r"[\u4e00-\u9fff] ?[,;:!?()]|[,;:!?()] ?[\u4e00-\u9fff]", words["zh"]), words["zh"]
    assert "  " not in words["zh"] + words["en"]
    assert not re.search("持续或较重|反复|严重", words["zh"])
