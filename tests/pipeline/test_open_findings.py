"""OpenFindings: one finding per trouble, opened again soon after it was cleared, never too many."""

from __future__ import annotations

import pytest

from analyzers.base import SECOND, Cleared, Finding, Raised, Rule, Severity
from proxy.pipeline.open_findings import MAX_EVIDENCE, MAX_FINDINGS, OpenFindings

RULE = Rule("XX-01", Severity.WARNING, "nowhere", "{charge_point} {what}: {observed} of {limit}.")


def raised(open_findings: OpenFindings, second: int, raised: Raised, analyzer: str = "test") -> Finding:
    known, _ = open_findings.raise_("CP_1", analyzer, raised, second * SECOND, second * SECOND)
    return known.finding


def cleared(open_findings: OpenFindings, second: int, cleared: Cleared) -> list[Finding]:
    return open_findings.clear("test", "CP_1", cleared, second * SECOND, second * SECOND)


def test_raised_twice_is_one_finding_with_the_newest_words() -> None:
    known = OpenFindings()
    first = raised(known, 1, Raised(RULE, "1", "2", "did", evidence=(("c1", 1),)))
    second = raised(known, 5, Raised(RULE, "3", "2", "did", evidence=(("c1", 1), ("c1", 9))))
    assert first.finding_id == second.finding_id
    assert (second.at, second.last_at, second.count) == (SECOND, 5 * SECOND, 2)
    assert (second.message, second.basis) == ("CP_1 did: 3 of 2.", "nowhere")
    assert second.evidence == (("c1", 1), ("c1", 9))


@pytest.mark.parametrize(
    "other", [Raised(RULE, key="k"), Raised(RULE, connector_id=1), Raised(RULE, transaction_id="7")]
)
def test_another_key_connector_or_transaction_is_another_finding(other: Raised) -> None:
    known = OpenFindings()
    assert raised(known, 1, Raised(RULE)).finding_id != raised(known, 1, other).finding_id


def test_another_analyzers_finding_is_another_one() -> None:
    known = OpenFindings()
    assert raised(known, 1, Raised(RULE)).finding_id != raised(known, 1, Raised(RULE), "other").finding_id


def test_the_id_is_the_same_whenever_it_is_computed() -> None:
    assert (
        raised(OpenFindings(), 1, Raised(RULE)).finding_id
        == raised(OpenFindings(), 1, Raised(RULE)).finding_id
    )
    assert (
        raised(OpenFindings(), 1, Raised(RULE)).finding_id
        != raised(OpenFindings(), 2, Raised(RULE)).finding_id
    )


def test_it_only_gets_more_severe() -> None:
    known = OpenFindings()
    raised(known, 1, Raised(RULE))
    assert raised(known, 2, Raised(RULE, severity=Severity.CRITICAL, times=0)).count == 1
    assert raised(known, 3, Raised(RULE, severity=Severity.INFO)).severity is Severity.CRITICAL


def test_cleared_once() -> None:
    known = OpenFindings()
    raised(known, 1, Raised(RULE, observed="a"))
    [finding] = cleared(known, 4, Cleared(RULE, observed="b"))
    assert (finding.cleared_at, finding.last_at, finding.observed) == (4 * SECOND, 4 * SECOND, "b")
    assert cleared(known, 5, Cleared(RULE)) == []
    assert cleared(known, 5, Cleared(RULE, key="never opened")) == []


def test_soon_after_it_is_the_same_finding_again() -> None:
    known = OpenFindings()
    first = raised(known, 1, Raised(RULE))
    cleared(known, 10, Cleared(RULE))
    again = raised(known, 310, Raised(RULE))
    assert (again.finding_id, again.cleared_at, again.count) == (first.finding_id, None, 2)


def test_later_it_is_a_new_one() -> None:
    known = OpenFindings()
    first = raised(known, 1, Raised(RULE))
    cleared(known, 10, Cleared(RULE))
    later = raised(known, 311, Raised(RULE))
    assert later.finding_id != first.finding_id
    assert len(known.known) == 1


def test_evidence_is_bounded_and_the_first_frames_stay() -> None:
    known = OpenFindings()
    for number in range(100):
        finding = raised(known, number, Raised(RULE, evidence=(("c1", number),)))
    assert finding.evidence == tuple(("c1", number) for number in range(MAX_EVIDENCE))


def test_when_full_the_oldest_open_one_is_ended() -> None:
    known = OpenFindings()
    for number in range(MAX_FINDINGS):
        raised(known, number, Raised(RULE, key=str(number)))
    _, ended = known.raise_("CP_1", "test", Raised(RULE, key="more"), 99 * SECOND, 99 * SECOND)
    assert [(finding.at, finding.cleared_at) for finding in ended] == [(0, 99 * SECOND)]
    assert len(known.known) == MAX_FINDINGS


def test_when_full_a_cleared_one_goes_first() -> None:
    known = OpenFindings()
    for number in range(MAX_FINDINGS):
        raised(known, number, Raised(RULE, key=str(number)))
    cleared(known, 70, Cleared(RULE, key="40"))
    _, ended = known.raise_("CP_1", "test", Raised(RULE, key="more"), 99 * SECOND, 99 * SECOND)
    assert ended == []
    assert "40" not in {one.key[-1] for one in known.known}


def test_an_analyzer_that_ends_leaves_the_others_findings() -> None:
    known = OpenFindings()
    raised(known, 1, Raised(RULE, key="open"))
    raised(known, 1, Raised(RULE, key="cleared"))
    cleared(known, 2, Cleared(RULE, key="cleared"))
    raised(known, 1, Raised(RULE), "other")
    assert [ended.finding.cleared_at for ended in known.end("test", 9 * SECOND)] == [9 * SECOND]
    assert [one.key[0] for one in known.known] == ["other"]


def test_words_of_peers_are_not_format_strings() -> None:
    finding = raised(OpenFindings(), 1, Raised(RULE, what="{limit.__class__} {0} \ud800", observed="{}"))
    assert "{limit.__class__} {0} \ud800: {}" in finding.message
