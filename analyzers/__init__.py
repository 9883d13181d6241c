"""Analyzers: facts in, findings out; one file, one word, one class (DESIGN 7).

`ALL` is the list the runner is given: a new analyzer is a new file, a line here, and its test.
"""

from __future__ import annotations

from typing import Any, Final

from analyzers.base import Analyzer
from analyzers.battery import Battery
from analyzers.boot_loop import BootLoop
from analyzers.call_error import CallError
from analyzers.clock import Clock
from analyzers.conformance import Conformance
from analyzers.csms_clock import CsmsClock
from analyzers.double_start import DoubleStart
from analyzers.duplicate_identity import DuplicateIdentity
from analyzers.fault import Fault
from analyzers.fault_rate import FaultRate
from analyzers.firmware_source import FirmwareSource
from analyzers.firmware_update import FirmwareUpdate
from analyzers.flapping import Flapping
from analyzers.handshake_attack import HandshakeAttack
from analyzers.heartbeat import Heartbeat
from analyzers.idle_load import IdleLoad
from analyzers.idle_timeout import IdleTimeout
from analyzers.impossible_status import ImpossibleStatus
from analyzers.mass_command import MassCommand
from analyzers.missing_samples import MissingSamples
from analyzers.never_charging import NeverCharging
from analyzers.no_energy import NoEnergy
from analyzers.plausibility import Plausibility
from analyzers.reconnect_storm import ReconnectStorm
from analyzers.refused_charging import RefusedCharging
from analyzers.refused_connection import RefusedConnection
from analyzers.register import Register
from analyzers.remote_start import RemoteStart
from analyzers.security_event import SecurityEvent
from analyzers.sensitive_key import SensitiveKey
from analyzers.sequence import Sequence
from analyzers.short_session import ShortSession
from analyzers.silence import Silence
from analyzers.stuck import Stuck
from analyzers.token_guessing import TokenGuessing
from analyzers.transaction import Transaction
from analyzers.transaction_energy import TransactionEnergy
from analyzers.transaction_id import TransactionId
from analyzers.transport_security import TransportSecurity
from analyzers.unanswered_call import UnansweredCall
from analyzers.voltage import Voltage

ALL: Final[tuple[type[Analyzer[Any]], ...]] = (
    Battery,
    BootLoop,
    CallError,
    Clock,
    Conformance,
    CsmsClock,
    DoubleStart,
    DuplicateIdentity,
    Fault,
    FaultRate,
    FirmwareSource,
    FirmwareUpdate,
    Flapping,
    HandshakeAttack,
    Heartbeat,
    IdleLoad,
    IdleTimeout,
    ImpossibleStatus,
    MassCommand,
    MissingSamples,
    NeverCharging,
    NoEnergy,
    Plausibility,
    ReconnectStorm,
    RefusedCharging,
    RefusedConnection,
    Register,
    RemoteStart,
    SecurityEvent,
    SensitiveKey,
    Sequence,
    ShortSession,
    Silence,
    Stuck,
    TokenGuessing,
    Transaction,
    TransactionEnergy,
    TransactionId,
    TransportSecurity,
    UnansweredCall,
    Voltage,
)
