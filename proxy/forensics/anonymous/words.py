"""Words that say nothing of anybody: the standard's (its schemas, configuration keys and variables), our own sentences'
and those of HTTP heads. All in lower case; a word of several parts is there with its parts.

The schemas are constants of a dependency (`ocpp`); reading them, once, is the only I/O here.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from types import ModuleType
from typing import Any, Final

import msgspec
import ocpp.v16.enums
import ocpp.v201.enums
import orjson

PART: Final = re.compile(r"[A-Za-z0-9]+")
_MARK: Final = b"\xef\xbb\xbf"
_FOLDERS: Final = ("v16", "v201", "v21")
_ENDS: Final = ("Request", "Response")
_NAMES: Final = ("ConfigurationKey", "ControllerComponentName", "PhysicalComponentName")
_VARIABLES: Final = "VariableName"
_REASONS: Final = """
    CSNotAccepted DuplicateProfile DuplicateRequestId DuplicateSeqNo FixedCable FwUpdateInProgress ImmediateReset
    InternalError InvalidCertificate InvalidCSR InvalidIdToken InvalidMessageSequence InvalidProfile InvalidSchedule
    InvalidStackLevel InvalidURL InvalidValue MissingDeviceModelInfo MissingParam NoCable NoError NotEnabled NotFound
    NoProfile NoSecurityDowngrade NotInChargingProfileMaxStackLevel OutOfMemory OutOfStorage ReadOnly RateLimitExceeded
    TooLargeElement TooManyElements TxInProgress TxNotFound TxStarted UnknownConnectorId UnknownConnectorType
    UnknownEvse UnknownTxId Unspecified UnsupportedParam UnsupportedRateUnit UnsupportedRequest ValueOutOfRange
    ValuePositiveOnly ValueTooHigh ValueTooLow WriteOnly
"""
"""2.x appendix 5."""
_CODES: Final = """
    FormatViolation FormationViolation GenericError MessageTypeNotSupported NotImplemented NotSupported
    OccurenceConstraintViolation OccurrenceConstraintViolation PropertyConstraintViolation ProtocolError
    RpcFrameworkError SecurityError TypeConstraintViolation
"""
"""Of a CALLERROR."""
_SECURITY_EVENTS: Final = """
    FirmwareUpdated FailedToAuthenticateAtCsms CsmsFailedToAuthenticate FailedToAuthenticateAtCentralSystem
    CentralSystemFailedToAuthenticate SettingSystemTime StartupOfTheDevice ResetOrReboot SecurityLogWasCleared
    ReconfigurationOfSecurityParameters MemoryExhaustion InvalidMessages AttemptedReplayAttacks
    TamperDetectionActivated InvalidFirmwareSignature InvalidFirmwareSigningCertificate InvalidCsmsCertificate
    InvalidCentralSystemCertificate InvalidChargingStationCertificate InvalidChargePointCertificate
    DiscardedRenewedClientCertificate InvalidTLSVersion InvalidTLSCipherSuite MaintenanceLoginAccepted
    MaintenanceLoginFailed
"""
_MORE: Final = """
    true false null accepted rejected Wh kWh varh kvarh W kW VA kVA var kvar A V Celsius Fahrenheit Kelvin K Percent Hz
    dB dBm deg degC rpm lx m ms s min h ISO14443 ISO15693 KeyCode MacAddress eMAID Central Local NoAuthorization
    DirectPayment EVCCID VIN MasterPass BEGIN END CERTIFICATE REQUEST RSA EC SHA256 SHA384 SHA512 PRIVATE PUBLIC
    ACChargingParameters AuthorizeRequest ocpp OCPP MREC MO OCPPInterface Wired0 Wired1 Wireless0 Wireless1
"""
_HTTP: Final = """
    HTTP GET HEAD POST PUT OPTIONS CONNECT DELETE PATCH Switching Protocols OK Bad Request Unauthorized
    Forbidden Not Found Method Allowed Acceptable Conflict Gone Upgrade Required Too Many Requests Internal
    Server Error Implemented Gateway Service Unavailable Timeout Version Supported Moved Permanently Temporary
    Permanent Redirect See Other Basic Bearer Digest websocket Connection keep alive close no cache gzip
    deflate identity chunked charset utf text html plain application json xml max age public private origin
    same site proto scheme http https ws wss ftp ftps ftpes sftp octets characters header removed
"""
_SEGMENTS: Final = """
    ocpp ocpp1 ocpp16 ocpp1.6 ocpp201 ocpp2.0.1 ocpp21 ocpp2.1 ocppj ocpp16j ws wss websocket websockets services
    CentralSystemService steve api v1 v2 v16 v201 v21 1.6 2.0.1 2.1 cp cs csms cpms chargepoint charge-point
    station gateway socket
"""
"""Of a path, but for its last part."""
_OURS: Final = """
    above accept accepted acceptedcanceled action active add additional additionalrootcertificatecheck address
    adds after again ago ahead all allowed allowofflinetxforunknownid alone although an analyzer analyzers and
    anew announces another answer answered answers apart appendix are array arrays as ascii asked at attempts
    authorization authorizationkey authorizeremotestart authorizeremotetxrequests available back backend
    backslash balancer basicauthpassword batch battery be becomes been before began begin beginning begins begun
    behind being below beside between beyond big binary bit bits blank blocked blocks body boolean boot booted
    both braces breaks brought buffered but by byte bytes call came can cannot capitals capture car celsius
    centralsystem certificate certificates certificatesignedmaxchainsize change changeavailability changed
    character characters charge charged charging check checkpoint chosen chunks cipher client clock clocks close
    closed closes closing code colon comes compressed compression concurrenttx conf configuration conformance
    connect connected connecting connection connections connectiontimeout connector connects contain contains
    content continuation control copy corrected corrupt costdimensionenumtype count counter counts credentials
    critical csms cut damaged data deadline deaths deauthorized decoded definitions deflate dial did died
    different differs digits direction disableremoteauthorization discardedrenewedclientcertificate disk do docs
    does down downloadfailed downloading draining drawn during each edition else empty encoded encoding
    encrypted end ended endpoint ends energy enum errata error evcommunicationerror evconnected event events
    ever every evse exact excused expected expired extension factor failed false fault faulted fell fewer field
    file final findings finish finishing firmware firmwareupdated first flapping flow folded footing for forgot
    form format formationviolation fragment fragmented frame frames free frequency from ftpes ftps full gap gaps
    gave get getinstalledcertificateids gib give given go got had half handed handshake has have head header
    headers heartbeat here hex hexadecimal hints hold holds hole host hosts hour how http https hung id identity
    idle idletime if imply in inflates info inoperative inside installationfailed installed installing
    installrebooting installverificationfailed instead integer interim interval invalid invalidcertificate
    invalidchargingstationcertificate invalidcsmscertificate invalidfirmwaresignature
    invalidfirmwaresigningcertificate invalidsignature invalidtlsciphersuite invalidtlsversion ipv is it items
    its itself journal json jump just keep keeper keeps key know known kwh larger last lasted late lately later
    leads least leave left legal length less let lets lf life limit line lines list load local
    localauthorizationoffline localauthorizeoffline localpreauthorization localpreauthorize lock log logs long
    longer lost maintenanceloginaccepted maintenanceloginfailed makes many mark masked masterpassgroupid max
    maxcertificatechainsize maxenergyoninvalidid maximum may mean member members memory memoryexhaustion message
    meter metered metervalue metervalues metervaluesampleinterval method mib min minimum minutes missing mixed
    moment more most ms multiple must name named names nano needs neither network networkconfigurationpriority
    never new next no nobody noerror nominal non none nor not notes nothing notify now null number object
    observed occupied ocpp ocpptap odd of off offered official offline offlinetxforunknownidenabled offsets
    often old on once one ones only opcode open opened operative optional or order organizationname other others
    ours out over own part pass passed password path pattern payload peer pending per percent periodic
    permissions phase phases pings place plain plausibility point points port positive possible power practice
    preferred preparing printable private profile properties property protocol proxy punycode query quirk quirks
    reach reached read reader ready reason rebootrequired recommended reconnecting reconnections recorder
    records refuse refused register rejected remote remove removed repeated replace reports request required
    reserved reset resetorreboot resolve response restarted restore retain retries retry retryinterval return
    revokedcertificate rfc right room rose route routing row rows rule run runs said same sample sampled say
    says scheduled schema schemas scheme scp sec seconds security securitylogwascleared securityprofile seem
    seems seen segment segments select send sending sends sent seqno sequence server session sessions set
    setting settings settingsystemtime several severity sftp short shorten shorter shortest showed shown
    shutting side signature signed silence silent since slash sni so somebody something somewhere source space
    speaks spelling spellings spells stand standard stands start started starts starttransaction
    startupofthedevice state status stay step stop stopped stoptransaction stoptransactiononinvalidid
    stoptxoninvalidid storm stream string stuck subject subprotocol such supply suspendedev suspendedevse switch
    switched sync tables taken takes tamperdetectionactivated target tcp tells text than that the their them
    then there they third this those three time timeout times timestamp tls tmp to together token tokens told
    too transaction transactions transfer tries true truncated trusts trying twice two type unavailable under
    unexpectedly unicode unit unitofmeasure units unknown unmasked unreadable unsigned until up update upgrade
    upstream uri url us use used user usually utc utf uuid value values verified version violation voltage
    voltages wait wants warning was watchdog websocket went were what where whether which whitepaper who whole
    will with within without worker write written wrong wrote ws wss yet zone
"""
"""Of the sentences of analyzers, relay and recorder (a test finds the ones that are missing)."""


def _parts(text: str) -> frozenset[str]:
    return frozenset(part.lower() for word in text.split() for part in (word, *PART.findall(word)))


OURS: Final = _parts(_OURS)
HTTP: Final = _parts(_HTTP)
SEGMENTS: Final = frozenset(_SEGMENTS.lower().split())


class Vocabulary(msgspec.Struct, frozen=True):
    """`words`: values, with their parts. `members`, `moments`, `enums`: names of members: all, those that hold a time,
    those that hold one of several words. `actions`."""

    words: frozenset[str]
    members: frozenset[str]
    moments: frozenset[str]
    enums: frozenset[str]
    actions: frozenset[str]


@cache
def vocabulary() -> Vocabulary:
    """The standard's, all versions together."""
    found = _Found()
    for name, schema in _schemas():
        found.actions.add(name)
        found.schema(schema, schema.get("definitions", {}))
    said = (_REASONS, _CODES, _SECURITY_EVENTS, _MORE, *_named(ocpp.v16.enums), *_named(ocpp.v201.enums))
    words = found.words | found.members | found.actions
    return Vocabulary(
        frozenset().union(*map(_parts, (*said, *words))),
        _low(found.members),
        _low(found.moments),
        _low(found.enums),
        _low(found.actions),
    )


def _low(words: set[str]) -> frozenset[str]:
    return frozenset(word.lower() for word in words)


class _Found:
    def __init__(self) -> None:
        self.words: set[str] = set()
        self.members: set[str] = set()
        self.moments: set[str] = set()
        self.enums: set[str] = set()
        self.actions: set[str] = set()

    def schema(self, part: Any, definitions: dict[str, Any]) -> None:
        if isinstance(part, list):
            for item in part:
                self.schema(item, definitions)
        if not isinstance(part, dict):
            return
        for name, member in (part.get("properties") or {}).items():
            self._member(name, member, definitions)
        if isinstance(part.get("enum"), list):
            self.words.update(word for word in part["enum"] if isinstance(word, str))
        for item in part.values():
            self.schema(item, definitions)

    def _member(self, name: str, member: Any, definitions: dict[str, Any]) -> None:
        self.members.add(name)
        if not isinstance(member, dict):
            return
        meant = definitions.get(str(member.get("$ref", "")).rpartition("/")[2], member)
        if meant.get("format") == "date-time":
            self.moments.add(name)
        if "enum" in meant:
            self.enums.add(name)


def _schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    for folder in _FOLDERS:
        for file in files("ocpp").joinpath(folder, "schemas").iterdir():
            if file.name.endswith(".json"):
                name = file.name.removesuffix(".json")
                for end in _ENDS:
                    name = name.removesuffix(end)
                yield name, orjson.loads(file.read_bytes().removeprefix(_MARK))


def _named(module: ModuleType) -> Iterator[str]:
    """Configuration keys, components and variables."""
    for name, kind in vars(module).items():
        if isinstance(kind, enum.EnumType) and (name in _NAMES or name.endswith(_VARIABLES)):
            yield " ".join(str(item.value) for item in kind)  # type: ignore[var-annotated]
