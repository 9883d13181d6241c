"""The CSMS's answer, passed on byte for byte (DESIGN 3.3): interim heads, the 101, or a refusal with its body."""

from __future__ import annotations

import asyncio

from proxy.heads.chunked import ChunkedBody
from proxy.heads.request import HEAD_LIMIT
from proxy.heads.response import BadResponse, Body, BodyKind, Response, parse_response
from proxy.relay.gather import Gatherer
from proxy.relay.policy import Policy
from proxy.relay.refusal import Refusal, unavailable


async def final_head(front: Gatherer, back: Gatherer, policy: Policy) -> Response:
    """The head that decides; interim ones are passed on as they come. Raises Refusal."""
    try:
        async with asyncio.timeout(policy.deadlines.upstream_head_seconds):
            passed_on = 0
            while (response := await _head(back, policy)).interim:
                passed_on += 1
                if passed_on > policy.limits.interim_answers:
                    raise _failure(policy, 502, "head", "the CSMS sends interim answers without end")
                front.write(response.raw)
            return response
    except TimeoutError:
        raise _failure(policy, 504, "head_timeout", "the CSMS does not answer the request") from None


async def _head(back: Gatherer, policy: Policy) -> Response:
    head = await back.head()
    if not head and not back.buffer:
        how = f"reset the connection ({back.error})" if back.error else "closed the connection"
        raise _failure(policy, 502, "gone", f"the CSMS {how} before it answered")
    parsed = parse_response(head or bytes(back.buffer[: HEAD_LIMIT + 1]))
    if isinstance(parsed, BadResponse):
        raise _failure(policy, 502, "head", parsed.detail)
    return parsed


def _failure(policy: Policy, status: int, reason: str, detail: str) -> Refusal:
    return unavailable("csms", reason, status, detail, policy.limits.retry_after_seconds)


async def pass_on(front: Gatherer, back: Gatherer, response: Response, policy: Policy) -> Refusal:
    """The CSMS's refusal with its body, until that ends, or the limit, or the deadline. Returns what to record."""
    front.write(response.raw)
    length = _Length(response.body, policy.limits.answer_bytes)
    cut = ""
    try:
        async with asyncio.timeout(policy.deadlines.answer_body_seconds):
            while not length.ended:
                front.write(length.feed(back.take()))
                if back.left and not back.buffer:
                    break
                if not length.ended and not back.buffer:
                    await back.more()
    except TimeoutError:
        cut = ", its body cut off by the deadline"
    if length.overflowed:
        cut = f", its body cut off after {policy.limits.answer_bytes} bytes"
    if length.is_lost:
        cut = f", its chunks cannot be told apart{cut}"
    refusal = Refusal("csms", _label(response.status), f"the CSMS answered {response.status}{cut}")
    refusal.status, refusal.by, refusal.response_head = response.status, "csms", response.raw
    return refusal


def _label(status: int) -> str:
    return f"status_{status // 100}xx" if 300 <= status < 600 else "other"


class _Length:
    """How much of what follows the head is its body (RFC 9112 6.3); never more than `limit` bytes."""

    def __init__(self, body: Body, limit: int) -> None:
        self._left = min(body.length, limit) if body.kind is BodyKind.LENGTH else limit
        self._is_cut = body.kind is not BodyKind.LENGTH or body.length > limit
        self._chunks = ChunkedBody() if body.kind is BodyKind.CHUNKED else None
        self.ended = body.kind is BodyKind.NONE or self._left == 0

    @property
    def overflowed(self) -> bool:
        return self._is_cut and self._left == 0 and not (self._chunks and self._chunks.ended)

    @property
    def is_lost(self) -> bool:
        """Nobody can say where the body ends: it goes on until the close, the limit or the deadline."""
        return self._chunks is not None and self._chunks.is_lost

    def feed(self, data: bytes) -> bytes:
        """The part of `data` that belongs to the body."""
        data = data[: self._left]
        if self._chunks is not None:
            data = data[: self._chunks.feed(data)]
        self._left -= len(data)
        self.ended = self._left == 0 or (self._chunks is not None and self._chunks.ended)
        return data
