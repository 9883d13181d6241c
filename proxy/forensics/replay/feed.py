"""What passes the running proxy, message by message, as the store gets it. I/O: asks the store, never the proxy.

Rows are asked for by batch, as `tail` does, but all of them and whole: 400 at a time, so that no answer is larger than
a reader may get. A message of more than 96 KiB comes as one that was cut off. What is found more than ten minutes older
than the newest row (a recorder that catches up) is not followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from proxy.forensics.find import rows
from proxy.forensics.tape import Frame, Head, heads_of
from proxy.forensics.typed import glob
from proxy.store.client import Store

MOST_ROWS: Final = 400
_BEGIN: Final = """
SELECT max(batch) AS newest, toString(least(now64(6, 'UTC'), max(at)) - INTERVAL 10 MINUTE) AS since
FROM frames WHERE frames.at >= {since:DateTime64(6, 'UTC')}
"""
_NEWEST: Final = """
SELECT max(batch) AS newest, toString(least(now64(6, 'UTC'), argMax(at, batch)) - INTERVAL 10 MINUTE) AS since
FROM frames WHERE frames.at >= {since:DateTime64(6, 'UTC')}
"""
_ROWS: Final = """
WITH length(payload) + length(text) > 98304 AS large
SELECT batch, connection_id, charge_point, tuple(
  toUnixTimestamp64Micro(at), frame_no, stream_offset, CAST(direction, 'Int8'), CAST(kind, 'Int8'), opcode, fin, rsv,
  masked, mask, message_type, CAST(verdict, 'Int8'), if(large, 1, truncated), redacted, answers, latency_us, '', '',
  base64Encode(header), if(large, '', base64Encode(payload)), if(large, '', base64Encode(text)))
FROM frames
WHERE frames.at >= {since:DateTime64(6, 'UTC')} AND match(charge_point, {charge_point:String})
  AND batch >= {after:UInt64} AND batch <= {until:UInt64}
  AND (batch, connection_id, frame_no, stream_offset)
    > ({after:UInt64}, {connection:String}, {frame:UInt64}, {offset:UInt64})
ORDER BY batch, connection_id, frame_no, stream_offset LIMIT {limit:UInt32}
"""
_LAST_FRAME: Final = 2**64 - 1
_LONG_AGO: Final = "1970-01-01 00:00:00.000000"


class Passed(msgspec.Struct, frozen=True, array_like=True):
    """A row of `frames`, whose it is, and with which batch it came."""

    batch: int
    connection_id: str
    charge_point: str
    frame: Frame


_DECODER: Final = msgspec.json.Decoder(Passed, strict=False)


class _Place(msgspec.Struct, frozen=True):
    """How far the feed is. `since`: rows from before are no longer asked for."""

    since: str
    batch: int
    connection: str = "~"
    frame: int = _LAST_FRAME
    offset: int = _LAST_FRAME


class Feed:
    """Of the charge points that the glob names, from now on. Belongs to one thread, as its store does."""

    def __init__(self, store: Store, wanted: str) -> None:
        self._store = store
        self._wanted = glob(wanted)
        begin = rows(store, _BEGIN, since=_LONG_AGO)[0]
        self._place = _Place(begin["since"], int(begin["newest"]))

    def poll(self) -> list[Passed]:
        """The next rows, 400 at most; then there may be more at once. Raises StoreError."""
        newest = rows(self._store, _NEWEST, since=self._place.since)[0]
        found = self._rows(max(int(newest["newest"]), self._place.batch))
        if len(found) == MOST_ROWS:
            last = found[-1]
            self._place = _Place(
                self._place.since,
                last.batch,
                last.connection_id,
                last.frame.frame_no,
                last.frame.stream_offset,
            )
        elif int(newest["newest"]) > self._place.batch:
            self._place = _Place(newest["since"], int(newest["newest"]))
        return found

    def _rows(self, until: int) -> list[Passed]:
        place = self._place
        params = {
            "since": place.since,
            "charge_point": self._wanted,
            "after": str(place.batch),
            "until": str(until),
            "connection": place.connection,
            "frame": str(place.frame),
            "offset": str(place.offset),
            "limit": str(MOST_ROWS),
        }
        return _DECODER.decode_lines(self._store.query(_ROWS, params, "JSONCompactEachRow"))

    def heads(self, connections: Sequence[str]) -> list[Head]:
        """Of those ids that the store knows by now. Raises StoreError."""
        return heads_of(self._store, "", connections) if connections else []
