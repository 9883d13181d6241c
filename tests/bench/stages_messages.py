"""What each kind of message costs alone: CPU µs of the conversation for one CALL or its answer, and of its parts.

One connection, 200 calls of a kind, then their 200 answers (so many texts still wait with the correlator), again and
again; the best of these batches counts. Parts are the stage's own function over the same messages: readers is what the
version's table of facts does, and the conversation's own work is what remains.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import batched
from typing import Final

import orjson

from proxy.names import Direction
from proxy.ocpp.correlate import Correlator
from proxy.ocpp.envelope import decode
from proxy.ocpp.facts import Where
from proxy.ocpp.versions import asked
from proxy.pipeline.clock import ObservedClock
from proxy.pipeline.conversation import Conversation
from tests.bench.payloads import AUTHORIZE, HEARTBEAT, REPORT, START, STATUS, STOP, V16, V20, Station
from tests.bench.stages import collecting_as_the_recorder
from tests.bench.stages_alone import Step, correlated, read, redacted, validated
from tests.bench.stages_inputs import Deaf, Heard, heard, identity
