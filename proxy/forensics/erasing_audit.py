"""The table `erasures`: what was erased, when, by whom, how many rows; never whose tag it was.

A row says that an erasure began, another that it ended; there are no others, and none is ever changed. One that began
and did not end is continued under its id, whoever asks for it again. An id is a function of the subject and of how
often it was erased before. An id tag stands here as HMAC-SHA-256 under `<data>/key`: who has the tag and the key can
prove that it was erased, nobody can read it back.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import msgspec

from proxy.forensics.erasing_subject import CHARGE_POINT, Subject
from proxy.forensics.find import rows
from proxy.store.client import Store

_PURPOSE: Final = b"ocpptap erase\0"
_ID_BYTES: Final = 8
Tables = dict[str, int]
"""Table -> rows."""


class Erasure(msgspec.Struct, frozen=True):
    """`earlier`: ids of those of the same subject that ended. `began_at`: "" not yet. `sessions`, `tables`: what was
    found when it began."""

    erasure_id: str
    subject: str
    earlier: tuple[str, ...] = ()
    began_at: str = ""
    sessions: int = 0
    tables: Tables = {}


class By(msgspec.Struct, frozen=True):
    """`key`: of digests. `user`, `version`: for the record."""

    key: bytes
    user: str
    version: str


_KNOWN: Final = """
SELECT erasure_id, toString(min(began_at)) AS began, countIf(ended_at IS NOT NULL) AS ended,
  max(sessions) AS found, argMin(rows, began_at) AS counts
FROM erasures WHERE what = {what:String} AND subject = {subject:String}
GROUP BY erasure_id ORDER BY began, erasure_id
"""
_NOTE: Final = """
INSERT INTO erasures SELECT {{erasure_id:String}}, {{what:String}}, {{subject:String}}, {{version:String}},
  {{user:String}}, {began}, {ended}, {{sessions:UInt64}}, CAST([{rows}], 'Array(Tuple(String, UInt64))')
"""
_NOW: Final = "now64(6, 'UTC')"


def named(subject: Subject, key: bytes) -> str:
    """As the audit names it."""
    if subject.what == CHARGE_POINT:
        return subject.value
    told = _PURPOSE + subject.value.lower().encode("utf-8", "surrogateescape")
    return hmac.digest(key, told, "sha256").hex()


def erasure_of(store: Store, subject: Subject, key: bytes) -> Erasure:
    """One that was cut off, or the next."""
    name = named(subject, key)
    known = rows(store, _KNOWN, what=subject.what, subject=name)
    earlier = tuple(row["erasure_id"] for row in known if int(row["ended"]))
    for row in known:
        if not int(row["ended"]):
            tables = {table: int(count) for table, count in row["counts"]}
            return Erasure(row["erasure_id"], name, earlier, row["began"], int(row["found"]), tables)
    words = f"{subject.what} {name} {len(known)}".encode("utf-8", "surrogateescape")
    return Erasure(hashlib.blake2b(words, digest_size=_ID_BYTES).hexdigest(), name, earlier)


def note_begin(store: Store, subject: Subject, erasure: Erasure, by: By) -> None:
    """Before anything is changed."""
    _note(store, subject, erasure, by, _NOW, "NULL")


def note_end(store: Store, subject: Subject, erasure: Erasure, by: By) -> None:
    """All of it is gone."""
    began = "(SELECT min(began_at) FROM erasures WHERE erasure_id = {erasure_id:String})"
    _note(store, subject, erasure, by, began, _NOW)


def _note(store: Store, subject: Subject, erasure: Erasure, by: By, began: str, ended: str) -> None:
    params = {
        "erasure_id": erasure.erasure_id,
        "what": subject.what,
        "subject": erasure.subject,
        "version": by.version,
        "user": by.user,
        "sessions": str(erasure.sessions),
    }
    told = ", ".join(f"('{table}', {count})" for table, count in sorted(erasure.tables.items()))
    store.query(_NOTE.format(began=began, ended=ended, rows=told), params)
