"""Sampled values: units, defaults, interned kinds, and what real meters send instead of numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ocpp.meter import MAX_SAMPLES, ContextClass, Family, Sample, Signature, elements, samples

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = (
    "value",
    "measurand",
    "phase",
    "location",
    "context",
    "unit",
    "unitOfMeasure",
    "format",
    "signedMeterValue",
)


def one(**entry: Any) -> Sample:
    (sample,) = samples({"sampledValue": [entry]})
    return sample


def test_what_is_left_out_is_the_standards_default() -> None:
    kind = one(value="17").kind
    assert (kind.measurand, kind.context, kind.location) == (
        "Energy.Active.Import.Register",
        "Sample.Periodic",
        "Outlet",
    )
    assert (kind.family, kind.unit, kind.context_class) == (Family.ENERGY, "", ContextClass.RUNNING)


@pytest.mark.parametrize(
    ("measurand", "unit", "told", "value", "family"),
    [
        ("Energy.Active.Import.Register", "kWh", "1.5", 1500.0, Family.ENERGY),
        ("Energy.Active.Import.Register", "Wh", "1500", 1500.0, Family.ENERGY),
        ("Energy.Active.Import.Register", None, "1.5", 1.5, Family.ENERGY),
        ("Energy.Reactive.Import.Register", "kvarh", "2", 2000.0, Family.REACTIVE_ENERGY),
        ("Power.Active.Import", "kW", "7.4", 7400.0, Family.POWER),
        ("Power.Reactive.Import", None, "3", 3.0, Family.REACTIVE_POWER),
        ("Power.Factor", None, "0.98", 0.98, Family.NONE),
        ("Temperature", "Celcius", "21", 21.0, Family.TEMPERATURE),
        ("Temperature", "Celsius", "21", 21.0, Family.TEMPERATURE),
        ("Temperature", "K", "273.15", 0.0, Family.TEMPERATURE),
        ("Temperature", "Fahrenheit", "212", 100.0, Family.TEMPERATURE),
        ("Temperature", None, "21", 21.0, Family.TEMPERATURE),
        ("SoC", None, "55", 55.0, Family.PERCENT),
        ("SoC", "Percent", "55", 55.0, Family.PERCENT),
        ("Frequency", None, "50", 50.0, Family.FREQUENCY),
        ("Voltage", "V", "230", 230.0, Family.VOLTAGE),
        ("Display.RemainingTimeToTargetSOC", None, "600", 600.0, Family.TIME),
        ("Current.Import", "furlong", "5", 5.0, Family.NONE),
    ],
)
def test_values_come_out_in_base_units(
    measurand: str, unit: str | None, told: str, value: float, family: Family
) -> None:
    sample = one(value=told, measurand=measurand, unit=unit)
    assert sample.value == pytest.approx(value)
    assert (sample.kind.family, sample.told, sample.kind.unit) == (family, told, unit or "")


def test_ocpp_2_gives_a_multiplier_to_the_power_of_ten() -> None:
    sample = one(value=12.5, measurand="Power.Active.Import", unitOfMeasure={"unit": "W", "multiplier": 3})
    assert (sample.value, sample.told, sample.kind.multiplier) == (12_500.0, "12.5", 3)


@pytest.mark.parametrize(
    ("told", "unit", "kept"),
    [("7.40", "W", "7.40"), (7.4, "W", ""), (7, "W", ""), (7.4, "kW", "7.4"), ({}, "W", "")],
)
def test_the_original_is_kept_unless_the_value_is_it(told: object, unit: str, kept: str) -> None:
    assert one(value=told, measurand="Power.Active.Import", unit=unit).told == kept


@pytest.mark.parametrize("told", ["", None, "n/a", "1,5", "NaN", "Infinity", [], {}, True, "1_000"])
def test_what_is_no_number_is_none(told: object) -> None:
    assert one(value=told, measurand="Voltage").value is None


@pytest.mark.parametrize(
    ("told", "value"), [("10", 10.0), (10, 10.0), (0.0, 0.0), (" 10 ", 10.0), ("1e3", 1000.0)]
)
def test_numbers_come_as_strings_and_as_numbers(told: object, value: float) -> None:
    assert one(value=told, measurand="Voltage").value == value


def test_signed_data_is_no_number_and_its_beginning_is_kept() -> None:
    sample = one(value="4F434D46" * 100, format="SignedData")
    assert (sample.value, len(sample.told), sample.kind.signed) == (None, 500, True)


def test_a_signed_meter_value_leaves_its_method_and_key() -> None:
    signed = {
        "signedMeterData": "QUJD",
        "signingMethod": "ECDSA",
        "encodingMethod": "OCMF",
        "publicKey": "S0VZ",
    }
    assert one(value=5, signedMeterValue=signed).signature == Signature("ECDSA", "OCMF", "S0VZ", 4)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ("Transaction.Begin", ContextClass.BEGIN),
        ("Transaction.End", ContextClass.END),
        ("Trigger", ContextClass.RUNNING),
    ],
)
def test_begin_and_end_are_contexts_of_their_own(context: str, expected: ContextClass) -> None:
    assert one(value="1", context=context).kind.context_class is expected


def test_kinds_that_say_the_same_are_one_object() -> None:
    assert one(value="1", phase="L1").kind is one(value="2", phase="L1").kind


@pytest.mark.parametrize("value", [None, [], "x", 7, {"sampledValue": []}, {"sampledValue": [1, None]}])
def test_nothing_measured_is_no_sample(value: object) -> None:
    assert samples(value) == ()


def test_one_object_stands_for_an_array_of_one() -> None:
    assert elements({"timestamp": "x"}) == [{"timestamp": "x"}]
    assert samples({"sampledValue": {"value": "5"}})[0].value == 5.0


def test_more_than_enough_samples_are_cut() -> None:
    assert len(samples({"sampledValue": [{"value": "1"}] * 1000})) == MAX_SAMPLES


@given(st.lists(st.dictionaries(st.sampled_from(MEMBERS), JSON), max_size=3))
def test_arbitrary_members_never_raise_and_stay_bounded(entries: list[dict[str, Any]]) -> None:
    for sample in samples({"sampledValue": entries}):
        assert len(sample.told) <= 500
        assert len(sample.kind.measurand) <= 64
