"""Wire bytes of WebSocket frames, made by the `websockets` library: an independent writer."""

from __future__ import annotations

import json

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode


def frame(
    payload: bytes,
    opcode: Opcode = Opcode.TEXT,
    *,
    mask: bool,
    fin: bool = True,
    deflate: PerMessageDeflate | None = None,
) -> bytes:
    extensions = [] if deflate is None else [deflate]
    return Frame(opcode, payload, fin).serialize(mask=mask, extensions=extensions)


def call(message_id: str, action: str, payload: object = None) -> bytes:
    return json.dumps([2, message_id, action, payload or {}]).encode()


def result(message_id: str, payload: object = None) -> bytes:
    return json.dumps([3, message_id, payload or {}]).encode()
