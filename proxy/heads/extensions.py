"""What the two ends agreed on: compression, subprotocol, OCPP version; read from the CSMS's 101.

Tolerant and linear: an agreement that is not understood in full is none (RFC 7692 7.1 would have the
client fail the connection; we only watch). Never raises, whatever the bytes.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from proxy.heads.fields import OWS, elements, fields, values


class Deflate(msgspec.Struct, frozen=True, gc=False):
    """permessage-deflate as agreed (RFC 7692 7.1). `client` is the charge point, `server` the CSMS."""

    client_no_context_takeover: bool = False
    server_no_context_takeover: bool = False
    client_max_window_bits: int = 15
    server_max_window_bits: int = 15


_FLAG: Final = re.compile(rb"")
_WINDOW_BITS: Final = re.compile(rb'=[ \t]*(?:8|9|1[0-5]|"(?:8|9|1[0-5])")')
# parameter -> what follows its name; a server must give window bits a value (RFC 7692 7.1.2)
_PARAMETERS: Final = {
    b"client_no_context_takeover": _FLAG,
    b"server_no_context_takeover": _FLAG,
    b"client_max_window_bits": _WINDOW_BITS,
    b"server_max_window_bits": _WINDOW_BITS,
}

_OCPP_VERSIONS: Final = {"ocpp1.6": "1.6", "ocpp2.0": "2.0", "ocpp2.0.1": "2.0.1", "ocpp2.1": "2.1"}


def negotiated_deflate(response_head: bytes) -> Deflate | None:
    """None: no compression, or an agreement that is not understood, another extension beside it included."""
    agreed = elements(fields(response_head), b"sec-websocket-extensions")
    if len(agreed) != 1:
        return None
    name, *parameters = (part.strip(OWS) for part in agreed[0].lower().split(b";"))
    return _deflate(parameters) if name == b"permessage-deflate" else None


def _deflate(parameters: list[bytes]) -> Deflate | None:
    """Each parameter at most once, known, and with the value it must have."""
    settings: dict[str, int] = {}
    for parameter in parameters:
        name, equals, value = parameter.partition(b"=")
        name = name.rstrip(OWS)
        form = _PARAMETERS.get(name)
        if form is None or name.decode() in settings or not form.fullmatch(equals + value):
            return None
        settings[name.decode()] = int(value.strip(b' \t"')) if equals else True
    return msgspec.convert(settings, Deflate)


def subprotocol(response_head: bytes) -> str:
    """As the CSMS wrote it; "" when it chose none, several lines joined by ", " when it chose too often."""
    chosen = values(fields(response_head), b"sec-websocket-protocol")
    return b", ".join(chosen).decode("utf-8", "backslashreplace")


def ocpp_version(subprotocol: str) -> str:
    """ "1.6", "2.0", "2.0.1", "2.1", or "" for what is none of these."""
    return _OCPP_VERSIONS.get(subprotocol.strip().lower(), "")
