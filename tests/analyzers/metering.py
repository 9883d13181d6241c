"""A charge point that charges, told in whole OCPP messages of 1.6 or 2.0.1, and what an analyzer finds in them.

Times are seconds of the device's clock; a message is seen at once unless `seen` says when.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from analyzers.base import SECOND, Analyzer, Finding
from proxy.names import Direction
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner

NOON = 1_780_000_000
BEGIN, END = "Transaction.Begin", "Transaction.End"


def energy(value: Any, **members: Any) -> dict[str, Any]:
    return {"value": value, **members}


class Charger:
    """Every verb is one message, answered where the answer matters. `version`: "1.6" or "2.0.1"."""

    def __init__(self, analyzer: Analyzer[Any], version: str = "1.6") -> None:
        self.version = version
        self.capture = Capture(Runner([analyzer]))
        self.transaction = 0
        self._started = 0
        self._messages = 0
        self._known: dict[str, Finding] = {}
        self.capture.opened(NOON * SECOND, "CP_1", version)

    def start(
        self, second: float, wh: float | None, connector: int = 1, seen: float | None = None
    ) -> Charger:
        self._started += 1
        self.transaction = self._started
        if self.version == "1.6":
            call = {"connectorId": connector, "idTag": "T", "meterStart": wh, "timestamp": _told(second)}
            answer = {"transactionId": self.transaction, "idTagInfo": {"status": "Accepted"}}
            return self._call(second if seen is None else seen, "StartTransaction", call, answer)
        return self._event("Started", second, connector, [] if wh is None else [_wh(wh, BEGIN)], seen)

    def sample(
        self,
        second: float,
        *samples: Any,
        connector: int = 1,
        seen: float | None = None,
        of: int | None = None,
    ) -> Charger:
        """Numbers are Wh; a dict is a 1.6 sampledValue. `of`: the transaction; 0: none."""
        of = self.transaction if of is None else of
        told = [_wh(sample, None) if isinstance(sample, int | float) else sample for sample in samples]
        if self.version != "1.6" and of:
            return self._event("Updated", second, None, told, seen)
        values = [{"timestamp": _told(second), "sampledValue": [self._dialect(one) for one in told]}]
        where = {"connectorId": connector} if self.version == "1.6" else {"evseId": connector}
        named = {"transactionId": of} if of else {}
        call = {**where, **named, "meterValue": values}
        return self._call(second if seen is None else seen, "MeterValues", call, {})

    def stop(
        self,
        second: float,
        wh: float | None,
        seen: float | None = None,
        reason: str = "Local",
        of: int | None = None,
    ) -> Charger:
        of = self.transaction if of is None else of
        if self.version == "1.6":
            call = {"transactionId": of, "meterStop": wh, "timestamp": _told(second), "reason": reason}
            return self._call(second if seen is None else seen, "StopTransaction", call, {})
        self.transaction = of
        return self._event("Ended", second, None, [] if wh is None else [_wh(wh, END)], seen, reason)

    def session(self, second: float, start: float, stop: float, connector: int = 1) -> Charger:
        """Half an hour with a sample each 10 minutes, the first at once."""
        self.start(second, start, connector)
        for third in range(3):
            wh = start + (stop - start) * third / 3
            self.sample(second + 1 + third * 600, wh, connector=connector)
        return self.stop(second + 1800, stop)

    def lost(self, second: float) -> Charger:
        self.capture.lost((NOON + int(second)) * SECOND, "CP_1", Direction.FROM_CHARGE_POINT, 9)
        return self

    def _event(
        self,
        kind: str,
        second: float,
        connector: int | None,
        samples: list[dict[str, Any]],
        seen: float | None,
        reason: str = "Local",
    ) -> Charger:
        info = {"transactionId": f"T{self.transaction}"}
        if kind == "Ended":
            info["stoppedReason"] = reason
        call: dict[str, Any] = {
            "eventType": kind,
            "timestamp": _told(second),
            "triggerReason": "MeterValuePeriodic",
            "seqNo": self._messages,
            "transactionInfo": info,
        }
        if connector is not None:
            call["evse"] = {"id": connector, "connectorId": 1}
        if samples:
            told = [self._dialect(sample) for sample in samples]
            call["meterValue"] = [{"timestamp": _told(second), "sampledValue": told}]
        return self._call(second if seen is None else seen, "TransactionEvent", call, {})

    def _dialect(self, sample: dict[str, Any]) -> dict[str, Any]:
        """A sampledValue of 1.6 in the words of this version."""
        if self.version == "1.6":
            return sample
        unit = {"unitOfMeasure": {"unit": sample["unit"]}} if "unit" in sample else {}
        rest = {name: value for name, value in sample.items() if name not in ("unit", "value")}
        return {"value": float(sample["value"]), **rest, **unit}

    def _call(self, second: float, action: str, call: Any, answer: Any) -> Charger:
        self._messages += 1
        message_id, at = str(self._messages), int((NOON + second) * SECOND)
        for direction, message in (
            (Direction.FROM_CHARGE_POINT, [2, message_id, action, call]),
            (Direction.FROM_CSMS, [3, message_id, answer]),
        ):
            self.capture.said(at, "CP_1", direction, msgspec.json.encode(message))
        return self

    def findings(self) -> list[Finding]:
        """Each finding as last told, in order of opening."""
        found = self.capture.runner.findings()
        assert self.capture.runner.counts.failures == {}
        self._known |= {finding.finding_id: finding for finding in found}
        return list(self._known.values())

    def told(self) -> list[str]:
        """ "MT-01 critical" of each finding."""
        return [f"{finding.rule} {finding.severity.label}" for finding in self.findings()]


def _told(second: float) -> str:
    return datetime.fromtimestamp(NOON + second, UTC).isoformat().replace("+00:00", "Z")


def _wh(wh: float, context: str | None) -> dict[str, Any]:
    return {"value": str(wh), "unit": "Wh", **({"context": context} if context else {})}
