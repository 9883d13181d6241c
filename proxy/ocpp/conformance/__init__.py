"""Is a message as the official schema wants it, as a known erratum allows, or neither? (docs/CONFORMANCE.md). Pure."""

from proxy.ocpp.conformance.judging import Judge, judge
from proxy.ocpp.conformance.verdict import OK, Judgement, Verdict

__all__ = ["OK", "Judge", "Judgement", "Verdict", "judge"]
