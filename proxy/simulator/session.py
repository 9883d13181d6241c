"""What both peers add to the `ocpp` package's ChargePoint: typed decorators, seeded ids, calls that end.

The package answers calls, validates both directions against the official schemas and holds one call at a time
(1.6 4.1.1, 2.x Part 4 4.1.1). It waits for an answer even when the connection is gone: `ask` does not.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from ocpp.exceptions import NotImplementedError as NotImplementedHere
from ocpp.exceptions import NotSupportedError, OCPPError
from ocpp.messages import Call, unpack
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v21.enums import Action as Action21
from ocpp.v201 import ChargePoint as ChargePoint201

from proxy.simulator.link import LOGGER, Link

SUBPROTOCOLS: Final = {"ocpp1.6": "1.6", "ocpp2.0.1": "2.0.1", "ocpp2.1": "2.1"}
VERSIONS: Final = {version: name for name, version in SUBPROTOCOLS.items()}
PACKAGE: Final[dict[str, Any]] = {"1.6": ChargePoint16, "2.0.1": ChargePoint201, "2.1": ChargePoint21}
_UNREADABLE: Final = '[4,"-1","RpcFrameworkError","the message could not be read",{}]'

Handler = TypeVar("Handler", bound=Callable[..., object])


class LinkLost(Exception):
    """The connection ended before the answer came."""


def answers(action: str) -> Callable[[Handler], Handler]:
    """`ocpp.routing.on` with a type: the method answers calls of this action."""
    return cast("Callable[[Handler], Handler]", on(action))


def seeded_ids(rng: random.Random) -> Callable[[], uuid.UUID]:
    return lambda: uuid.UUID(int=rng.getrandbits(128), version=4)


class Session:
    """Mixed into one of the package's ChargePoint classes; one per connection."""

    # From the package's ChargePoint, which has no types.
    _ocpp_version: str
    call: Callable[..., Any]
    start: Callable[[], Any]
    route_map: dict[str, Any]

    def __init__(self, identity: str, link: Link, rng: random.Random) -> None:
        super().__init__(identity, link, logger=LOGGER)  # type: ignore[call-arg]
        self._link = link
        self._unique_id_generator = seeded_ids(rng)
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def route_message(self, raw: str) -> None:
        """2.x Part 4 4.2.3: what cannot be read is answered under the id "-1"; 1.6 has no answer to it."""
        if _readable(raw):
            await super().route_message(raw)  # type: ignore[misc]
        elif self._ocpp_version != "1.6":
            await self._link.send(_UNREADABLE)

    async def _handle_call(self, msg: Call) -> None:
        """The package leaves a 2.1 call without an answer where it has no handler (Part 4 4.3: CALLERROR)."""
        if self._ocpp_version == "2.1" and msg.action not in self.route_map:
            known = msg.action in Action21.__members__.values()
            raise (NotImplementedHere if known else NotSupportedError)()
        await super()._handle_call(msg)  # type: ignore[misc]

    async def ask(self, payload: object) -> Any:
        """The answer to one call, None for a CALLERROR; LinkLost, TimeoutError or OCPPError."""
        calling: asyncio.Future[Any] = asyncio.ensure_future(self.call(payload))
        calling.add_done_callback(_seen)  # whoever waits may be cancelled in the same turn
        try:
            await asyncio.wait({calling, self.lost}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not calling.done():
                calling.cancel()
        if not calling.done():
            raise LinkLost
        return calling.result()

    def end(self) -> None:
        """The connection is gone; whoever waits for an answer learns it."""
        if not self.lost.done():
            self.lost.set_result(None)


def _seen(calling: asyncio.Future[Any]) -> None:
    if not calling.cancelled():
        calling.exception()


def _readable(raw: str) -> bool:
    """Whether the package can take it: it stumbles over deep JSON and over actions that are no text."""
    try:
        message = unpack(raw)
    except (OCPPError, RecursionError, ValueError):
        return False
    return isinstance(getattr(message, "action", None) or "", str)
