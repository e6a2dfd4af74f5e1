"""Why a risk changed, in one Chinese and one English sentence. What to do about it is alerts' wording."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from services.monitoring.domain.silence import Silence
from shared.domain.pollutant import pollutant
from shared.domain.quantity import plain, shown_nonzero, shown_unit
from shared.domain.risk import Cleared

AVERAGES = {"hour": ("小时均值", "hourly mean"), "day": ("日均值", "daily mean")}
_CLEARED = {
    Cleared.COMPLIANT: ("恢复达标", "compliant again"),
    Cleared.UNKNOWN: ("连续24个时段无有效数据", "24 windows without a valid value"),
    Cleared.RESUMED: ("恢复通讯", "data again"),
    Cleared.EXCEEDED: ("已超过限值", "the limit was passed"),
    Cleared.TAKEN_BACK: ("数据更正后不再超标", "no excess after correction"),
    Cleared.MERGED: ("与相邻超标合并", "merged with the adjoining excess"),
    Cleared.QUIET: ("一小时内再无错误口令", "no wrong password for an hour"),
}
_SILENCES = {
    Silence.SHORT: ("逾期未上报", "report overdue"),
    Silence.HOURS: ("2 小时", "2 hours"),
    Silence.DAY: ("24 小时", "24 hours"),
}

Why = dict[str, str]


def cleared(reason: Cleared) -> Why:
    zh, en = _CLEARED.get(reason, (reason.value, reason.value))
    return {"zh": zh, "en": en}


def exceeded(factor: str, averaging: str, *, decided: str, limit: str, unit: str, multiple: str, windows: int) -> Why:
    """`multiple`: decided / limit - 1; `windows`: how many hours or days are over the limit."""
    named, (zh_mean, en_mean), shown = pollutant(factor), AVERAGES[averaging], shown_unit(unit)
    over = Decimal(multiple)
    return {
        "zh": f"{named.zh}{zh_mean}最高{decided} {shown}，限值{limit} {shown}，超标{shown_nonzero(over, 2)}倍，"
        f"共{windows}{'日' if averaging == 'day' else '小时'}",
        "en": f"{named.en} {en_mean} up to {decided} {shown}, limit {limit} {shown}, "
        f"{shown_nonzero(over * 100, 0)} % over the limit, {windows} {averaging}{'s' if windows > 1 else ''} in all",
    }


def nearing(factor: str, averaging: str, *, decided: str, limit: str, unit: str, closed: bool) -> Why:
    named, (zh_mean, en_mean), shown = pollutant(factor), AVERAGES[averaging], shown_unit(unit)
    share = plain(Decimal(decided) * 100 / Decimal(limit) // 1) if Decimal(limit) else "100"
    return {
        "zh": f"{named.zh}{zh_mean}{'' if closed else '（本时段至今）'}{decided} {shown}，为限值{limit} {shown}的{share}%",
        "en": f"{named.en} {en_mean}{'' if closed else ' so far'} {decided} {shown}, {share} % of the limit {limit} {shown}",
    }


def no_longer_near() -> Why:
    return {"zh": "数据更正后不再接近限值", "en": "not near the limit after correction"}


def silent(step: Silence, minutes: int) -> Why:
    zh, en = _SILENCES[step]
    return {"zh": f"已{minutes}分钟未收到数据（{zh}）", "en": f"no data for {minutes} minutes ({en})"}


def area_silent(silent_points: int, points: int) -> Why:
    return {
        "zh": f"本区县{points}个监测点中{silent_points}个同时中断",
        "en": f"{silent_points} of {points} points of the county are silent together",
    }


def guessed(condition: str, mn: str, address: str) -> Why:
    """`condition`: one `address` guesses, or a `point` is guessed from many."""
    if condition == "point":
        return {
            "zh": f"多个未知地址对监测点 {mn} 给出错误口令，最近为 {address}；对未知地址已放慢比对",
            "en": f"unknown addresses gave wrong passwords for point {mn}, the last of them {address}; "
            "theirs are compared slowly now",
        }
    return {
        "zh": f"地址 {address} 连续给出错误口令，最近针对监测点 {mn}；已暂停比对",
        "en": f"address {address} gave wrong passwords, the last for point {mn}; its next ones are not compared for a while",
    }


def faulty(factors: Sequence[str], fault: str) -> Why:
    named = [pollutant(factor) for factor in factors]
    zh, en = "、".join(one.zh for one in named), ", ".join(one.en for one in named)
    if fault == "oxygen_missing":
        return {"zh": f"{zh}需按氧含量折算，但缺少有效氧含量", "en": f"{en}: oxygen is needed to convert, none valid"}
    return {"zh": f"{zh}数据标记 {fault}", "en": f"{en}: marked {fault} by the device"}


def implausible(factor: str, *, value: str, unit: str) -> Why:
    """`value`: what was reported and cannot be a measurement."""
    named = pollutant(factor)
    return {
        "zh": f"{named.zh}上报值 {value} {unit} 不可能是测量值，不参与判定",
        "en": f"{named.en} {value} {unit} cannot be a measurement and decides nothing",
    }


def mismatched(factor: str, *, reported: str, own: str, unit: str) -> Why:
    """`reported`: the device's converted mean; `own`: its mean converted by us, which decides."""
    named = pollutant(factor)
    return {
        "zh": f"{named.zh}上报折算值 {reported} {unit} 与按实测值和氧含量折算的 {own} {unit} 不符，以后者判定",
        "en": f"{named.en} converted by the device to {reported} {unit}, by its mean and oxygen {own} {unit}, which decides",
    }


def stamps_end(reports: int, minutes: int) -> Why:
    """`reports`: how many hours in a row; `minutes`: at most so long after the stamped hour began."""
    return {
        "zh": f"连续 {reports} 个小时均值在其标注时段开始后 {minutes} 分钟内即上报，疑似以时段结束时刻标记",
        "en": f"{reports} hour means in a row came within {minutes} minutes of the stamped hour's begin: "
        "the device probably stamps the end of the period",
    }


def stamp_registered() -> Why:
    return {"zh": "登记已载明以时段结束时刻标记", "en": "the register says now that it stamps the end"}


def stamps_start() -> Why:
    return {"zh": "小时均值已在其标注时段结束后上报", "en": "hour means come after the stamped hour's end now"}


def healed() -> Why:
    return {"zh": "数据恢复有效", "en": "valid data again"}
