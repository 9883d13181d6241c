"""Trouble of meters and batteries (MT, BT), and what only looks like it.

An edit changes the value it means and leaves the others as they were, or moves all that hang on it: a register that is
moved stays moved for the sessions after.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from tests.days.editing import MINUTE, REGISTER, Scene, Session, meter_values, register_of, sampled
from tests.days.energy import Reading
from tests.days.events import SECOND
from tests.days.fault import Fault, NearMiss, each
from tests.days.profiles import Outlet

POWER: Final = "Power.Active.Import"


def _from_middle(session: Session, watt_hours: float) -> Callable[[float, float], float]:
    half = (session.ended - session.began) / SECOND / 2
    return lambda value, seconds: value + (watt_hours if seconds > half else 0.0)


def _shift(scene: Scene, watt_hours: float) -> None:
    """The register of a session moves in its middle, for good."""
    session = scene.longest()
    scene.remap(session, _from_middle(session, watt_hours))
    scene.move_later(session, watt_hours)


def _scale(scene: Scene, share: float) -> None:
    """Only the register: power says what it said."""
    session = scene.longest()
    begin = register_of(session.start)
    moved = scene.remap(session, lambda value, _: begin + (value - begin) * share)
    scene.move_later(session, moved)


def runs_backwards(scene: Scene) -> None:
    """700 Wh less than before, and on from there."""
    _shift(scene, -700)


def a_few_watt_hours_back(scene: Scene) -> None:
    """Less than a meter's own rounding: one sample, 5 Wh under the one before."""
    samples = scene.longest().samples
    before, one = (next(sampled(call, REGISTER)) for call in samples[8:10])
    scene.put(one, float(before["value"]) - 5)


def zero_among_values(scene: Scene) -> None:
    scene.measure(scene.longest().samples[8:9], REGISTER, lambda *_: 0.0)


def begins_at_zero(scene: Scene) -> None:
    """The start says 0, all that follows says what the meter has counted in its life."""
    session = scene.longest()
    if scene.is_16:
        session.start.payload["meterStart"] = 0
        for call in session.calls:
            for value in call.payload.get("transactionData", []):
                for sample in value["sampledValue"]:
                    if sample["context"] == "Transaction.Begin" and sample["measurand"] == REGISTER:
                        scene.put(sample, 0.0)
    else:
        scene.measure(session.calls[:1], REGISTER, lambda *_: 0.0)


def _since(begin: float, value: float, _: float) -> float:
    return value - begin


def rebased(scene: Scene) -> None:
    """Each session has a register of its own."""
    for session in scene.sessions:
        scene.remap(session, partial(_since, register_of(session.start)))


def spikes(scene: Scene) -> None:
    """60 kWh within a minute."""
    _shift(scene, 60_000)


def steps_a_little(scene: Scene) -> None:
    _shift(scene, 50)


def counts_too_much(scene: Scene) -> None:
    _scale(scene, 1.3)


def counts_two_percent_more(scene: Scene) -> None:
    _scale(scene, 1.02)


def kilowatts_called_watts(scene: Scene) -> None:
    for session in scene.sessions:
        scene.measure(session.calls, POWER, lambda value, _: value / 1000)


def kilowatt_hours_called_watt_hours(scene: Scene) -> None:
    """In the samples only: start and stop are Wh."""
    for session in scene.sessions:
        for call in session.calls:
            for sample in sampled(call, REGISTER):
                scene.put(sample, float(sample["value"]) / 1000)


def kilowatt_hours_by_name(scene: Scene) -> None:
    for session in scene.sessions:
        for call in session.calls:
            for sample in sampled(call, REGISTER):
                value = float(sample["value"]) / 1000
                sample["value"] = f"{value:.3f}" if scene.is_16 else value
                sample.update({"unit": "kWh"} if scene.is_16 else {"unitOfMeasure": {"unit": "kWh"}})


def _thin(scene: Scene, every: int) -> None:
    """Of the samples of a session only each `every`th is sent."""
    session = scene.longest()
    scene.drop(call for number, call in enumerate(session.samples) if number % every)
    scene.renumber(session)


def samples_missing(scene: Scene) -> None:
    _thin(scene, 4)


def every_other_sample(scene: Scene) -> None:
    _thin(scene, 2)


def no_energy(scene: Scene) -> None:
    scene.flatten(scene.longest())


def little_energy(scene: Scene) -> None:
    session = scene.longest()
    gained = register_of(session.end) - register_of(session.start)
    scene.flatten(session, 400 / gained)


def stops_below_its_start(scene: Scene) -> None:
    """Only the last value is wrong."""
    session = scene.longest()
    _stop_at(scene, session, register_of(session.start) - 5000)


def stops_as_it_started(scene: Scene) -> None:
    scene.flatten(scene.longest())


def _stop_at(scene: Scene, session: Session, watt_hours: float) -> None:
    end = session.end
    if scene.is_16:
        end.payload["meterStop"] = round(watt_hours)
    for value in meter_values(end):
        for sample in value["sampledValue"]:
            if sample["context"] == "Transaction.End" and sample["measurand"] == REGISTER:
                scene.put(sample, round(watt_hours))


def _last_sampled(session: Session) -> float:
    return float(next(sampled(session.samples[-1], REGISTER))["value"])


def stops_below_its_samples(scene: Scene) -> None:
    session = scene.longest()
    _stop_at(scene, session, _last_sampled(session) - 2000)


def stops_a_watt_hour_below(scene: Scene) -> None:
    """And the register goes on from there."""
    session = scene.longest()
    stop = _last_sampled(session) - 1
    moved = stop - register_of(session.end)
    _stop_at(scene, session, stop)
    scene.move_later(session, moved)


def counts_between_sessions(scene: Scene) -> None:
    first, _ = scene.pair()
    scene.move_later(first, 3000)


def counts_a_little_between_sessions(scene: Scene) -> None:
    first, _ = scene.pair()
    scene.move_later(first, 300)


def _draws_when_idle(scene: Scene, watts: float) -> None:
    at, register = scene.idle, scene.register_after(1)
    for minute in range(13):
        moment = at + minute * MINUTE
        one_phase = round(watts / 230, 2)
        reading = Reading(
            round(register + watts * minute / 60), watts, (one_phase, 0.0, 0.0), (230.0,) * 3, None
        )
        scene.say(moment, scene.words.idle_sample(1, moment, reading))


def draws_when_idle(scene: Scene) -> None:
    _draws_when_idle(scene, 1500.0)


def draws_a_little_when_idle(scene: Scene) -> None:
    _draws_when_idle(scene, 70.0)


def _sags(scene: Scene, volts: float) -> None:
    """From the tenth minute of a session on; power falls with it."""
    session = scene.longest()
    samples = session.samples[10:]
    scene.measure(samples, "Voltage", lambda value, _: value - 230 + volts)
    scene.measure(samples, "Current.Import", lambda value, _: value * 230 / volts)


def brown_out(scene: Scene) -> None:
    _sags(scene, 184)


def seven_percent_low(scene: Scene) -> None:
    _sags(scene, 214)


# batteries


def _bend(scene: Scene, change: Callable[[float, float, float], float]) -> None:
    """SoC becomes change(SoC, SoC at first, SoC in the middle), whole percents."""
    session = scene.longest()
    values = [float(next(sampled(call, "SoC"))["value"]) for call in session.samples]
    first, middle = values[0], values[len(values) // 2]
    scene.measure(session.calls, "SoC", lambda value, _: round(change(value, first, middle)))


def above_a_hundred(scene: Scene) -> None:
    """A car that counts in other percents: it ends at 108."""
    last = max(float(one["value"]) for call in scene.longest().samples for one in sampled(call, "SoC"))
    _bend(scene, lambda value, *_: value * 108 / last)


def up_to_a_hundred(scene: Scene) -> None:
    last = max(float(one["value"]) for call in scene.longest().calls for one in sampled(call, "SoC"))
    _bend(scene, lambda value, *_: min(100.0, value * 100 / last))


def falls_while_charging(scene: Scene) -> None:
    _bend(scene, lambda value, _, middle: value if value <= middle else 2 * middle - value)


def dips_by_one(scene: Scene) -> None:
    samples = scene.longest().samples
    scene.measure(samples[6:7], "SoC", lambda value, _: value - 1)


def soc_stuck(scene: Scene) -> None:
    _bend(scene, lambda value, _, middle: min(value, middle))


def soc_late(scene: Scene) -> None:
    """One value is told again until 2 kWh later."""
    samples = scene.longest().samples
    first = float(next(sampled(samples[5], REGISTER))["value"])
    told = float(next(sampled(samples[5], "SoC"))["value"])
    stale = [call for call in samples[5:] if float(next(sampled(call, REGISTER))["value"]) - first <= 2000]
    scene.measure(stale, "SoC", lambda *_: told)


def _counts_a_share(scene: Scene, share: float) -> None:
    """Register, power and current say so much of what the battery gets."""
    session = scene.longest()
    begin = register_of(session.start)
    moved = scene.remap(session, lambda value, _: begin + (value - begin) * share)
    for measurand in (POWER, "Current.Import"):
        scene.measure(session.calls, measurand, lambda value, _: value * share)
    scene.move_later(session, moved)


def a_fraction_of_the_energy(scene: Scene) -> None:
    """The battery would hold some 4 kWh."""
    _counts_a_share(scene, 1 / 15)


def half_of_the_energy(scene: Scene) -> None:
    _counts_a_share(scene, 0.5)


def soc_slows_down(scene: Scene) -> None:
    """From the middle on, half as much per kWh."""
    _bend(scene, lambda value, _, middle: min(value, middle + (value - middle) / 2))


_ODD_REGISTER: Final = (
    "MT-01",
    "MT-02",
    "MT-03",
    "MT-04",
    "MT-05",
    "MT-06",
    "MT-10",
    "MT-11",
    "MT-12",
    "BT-05",
)


def _first(rule: str, others: tuple[str, ...]) -> tuple[str, ...]:
    return (rule, *(other for other in others if other != rule))


FAULTS: Final = (
    Fault("register backwards", ("MT-01", "MT-05", "MT-02"), each(runs_backwards)),
    Fault("zero among values", _first("MT-03", _ODD_REGISTER), each(zero_among_values)),
    Fault("begins at zero", _first("MT-03", _ODD_REGISTER), each(begins_at_zero)),
    Fault("register spike", ("MT-04", "MT-05", "MT-11"), each(spikes)),
    Fault("counts 30 % too much", ("MT-05",), each(counts_too_much)),
    Fault("kW called W", ("MT-06", "MT-05"), each(kilowatts_called_watts)),
    Fault("kWh called Wh", _first("MT-06", _ODD_REGISTER), each(kilowatt_hours_called_watt_hours)),
    Fault("samples missing", ("MT-07",), each(samples_missing)),
    Fault("no energy", ("MT-09", "TX-14"), each(no_energy), info=True),
    Fault("stops below its start", _first("MT-10", _ODD_REGISTER), each(stops_below_its_start)),
    Fault("stops below its samples", ("MT-11", "MT-01", "MT-12"), each(stops_below_its_samples)),
    Fault("counts between sessions", ("MT-12",), each(counts_between_sessions)),
    Fault("draws when idle", ("MT-13",), each(draws_when_idle)),
    Fault("brown-out", ("MT-17",), each(brown_out)),
    Fault("SoC above 100", ("BT-01", "BT-05"), each(above_a_hundred), outlet=Outlet.DC),
    Fault("SoC falls", ("BT-03", "BT-05"), each(falls_while_charging), outlet=Outlet.DC),
    Fault("SoC stuck", ("BT-04", "BT-05"), each(soc_stuck), outlet=Outlet.DC),
    Fault("a fraction of the energy", ("BT-05",), each(a_fraction_of_the_energy), outlet=Outlet.DC),
    Fault("SoC slows down", ("BT-05",), each(soc_slows_down), outlet=Outlet.DC, info=True),
)
NEAR_MISSES: Final = (
    NearMiss("a few Wh back", "MT-01", each(a_few_watt_hours_back)),
    NearMiss("a register per session", "MT-03", each(rebased), versions=("1.6",)),
    NearMiss("a register per session", "MT-12", each(rebased), versions=("1.6",)),
    NearMiss("a step of 50 Wh", "MT-04", each(steps_a_little)),
    NearMiss("counts 2 % more", "MT-05", each(counts_two_percent_more)),
    NearMiss("kWh by name", "MT-06", each(kilowatt_hours_by_name)),
    NearMiss("every other sample", "MT-07", each(every_other_sample)),
    NearMiss("little energy", "MT-09", each(little_energy)),
    NearMiss("stops as it started", "MT-10", each(stops_as_it_started)),
    NearMiss("stops 1 Wh below its samples", "MT-11", each(stops_a_watt_hour_below)),
    NearMiss("0.3 kWh between sessions", "MT-12", each(counts_a_little_between_sessions)),
    NearMiss("70 W when idle", "MT-13", each(draws_a_little_when_idle)),
    NearMiss("7 % low", "MT-17", each(seven_percent_low)),
    NearMiss("SoC up to 100", "BT-01", each(up_to_a_hundred), outlet=Outlet.DC),
    NearMiss("SoC dips by one", "BT-03", each(dips_by_one), outlet=Outlet.DC),
    NearMiss("SoC late", "BT-04", each(soc_late), outlet=Outlet.DC),
    NearMiss("half of the energy", "BT-05", each(half_of_the_energy), outlet=Outlet.DC),
)
