"""Where OCPP carries secrets, and how one is recognised by its name: what must never reach a table (DESIGN 6).

Knows names, places and URLs; knows nothing of frames, rows or keys. What is done to a message is `redaction.py`'s.
A place is secret by its member's name (`apnPassword`), by the name that stands beside it (`key: AuthorizationKey`,
`value: ...`), by its form (a URL with a password), or because free text mentions a secret's name.
Case and separators do not count: configuration keys are CiStrings (1.6 part 2 §9, 2.0.1 part 2 B05), and peers
write `basic_auth_password` as well. A name too many costs a value in a table; a name too few, a secret.
"""

from __future__ import annotations

import enum
import re
from typing import Final

import msgspec

MASK: Final = "***"
MOST_NAME: Final = 128
"""Characters of a string that may be a name; longer ones are text."""
OVERLAP: Final = 300
"""Bytes of one piece that `scan` must see again with the next: longer than any name, and most URLs' user parts."""


class How(enum.Enum):
    """What makes the value at a rule's path secret."""

    ALWAYS = "its member's name"
    NAMED = "the name that stands beside it, if that is a secret's"
    URL = "a URL with a password in it"
    TEXT = "free text that mentions a secret's name"
    ECHO = "free text in the answer to a call that held a secret"


class Rule(msgspec.Struct, frozen=True, gc=False):
    """`path`: members from the payload down, `[]` for each element. `versions`: "1.6", "2" (2.0 to 2.1), "2.1"."""

    versions: str
    message_type: int
    action: str
    path: str
    how: How
    clause: str


def _rules() -> tuple[Rule, ...]:
    named, url, text = How.NAMED, How.URL, How.TEXT
    profile = "connectionData."
    return (
        # values under a key or variable: AuthorizationKey, BasicAuthPassword, ApnPassword, SharedSecret, ...
        Rule("1.6", 2, "ChangeConfiguration", "value", named, "1.6 §5.3; security whitepaper A00.FR.205"),
        Rule("1.6", 3, "GetConfiguration", "configurationKey[].value", named, "1.6 §5.8"),
        Rule("1.6", 2, "DataTransfer", "data", named, "1.6 §4.3, by messageId"),
        Rule("1.6", 2, "DataTransfer", "data", text, "1.6 §4.3"),
        Rule("1.6", 3, "DataTransfer", "data", text, "1.6 §4.3"),
        Rule(
            "2", 2, "SetVariables", "setVariableData[].attributeValue", named, "B05; A01 (BasicAuthPassword)"
        ),
        Rule("2", 3, "SetVariables", "setVariableResult[].attributeStatusInfo.additionalInfo", named, "B05"),
        Rule("2", 3, "GetVariables", "getVariableResult[].attributeValue", named, "B06; part 2 §2 WriteOnly"),
        Rule("2", 3, "GetVariables", "getVariableResult[].attributeStatusInfo.additionalInfo", named, "B06"),
        Rule("2", 2, "NotifyReport", "reportData[].variableAttribute[].value", named, "B07, B08"),
        Rule("2", 2, "NotifyEvent", "eventData[].actualValue", named, "N07"),
        Rule("2", 2, "NotifyEvent", "eventData[].techInfo", named, "N07"),
        Rule("2", 2, "NotifyMonitoringReport", "monitor[].variableMonitoring[].value", named, "N02"),
        Rule("2", 2, "DataTransfer", "data", named, "P01, P02, by messageId"),
        Rule("2", 2, "DataTransfer", "data", text, "P01, P02"),
        Rule("2", 3, "DataTransfer", "data", text, "P01, P02"),
        Rule("2", 2, "NotifyCustomerInformation", "data", text, "N09"),
        # credentials with a place of their own
        Rule("2", 2, "SetNetworkProfile", profile + "apn.apnPassword", How.ALWAYS, "B09; APNType"),
        Rule("2", 2, "SetNetworkProfile", profile + "apn.simPin", How.ALWAYS, "B09; APNType"),
        Rule("2", 2, "SetNetworkProfile", profile + "vpn.password", How.ALWAYS, "B09; VPNType"),
        Rule("2", 2, "SetNetworkProfile", profile + "vpn.key", How.ALWAYS, "B09; VPNType"),
        Rule("2.1", 2, "SetNetworkProfile", profile + "basicAuthPassword", How.ALWAYS, "B09; 2.1"),
        # URLs: user:password@, or a parameter like ?sig= or ?token=
        Rule("2", 2, "SetNetworkProfile", profile + "ocppCsmsUrl", url, "B09"),
        Rule("1.6", 2, "GetDiagnostics", "location", url, "1.6 §5.10"),
        Rule("1.6", 2, "UpdateFirmware", "location", url, "1.6 §5.19"),
        Rule("1.6", 2, "SignedUpdateFirmware", "firmware.location", url, "security whitepaper L01"),
        Rule("1.6", 2, "GetLog", "log.remoteLocation", url, "security whitepaper N01"),
        Rule("2", 2, "GetLog", "log.remoteLocation", url, "N01"),
        Rule("2", 2, "UpdateFirmware", "firmware.location", url, "L01"),
        Rule("2", 2, "PublishFirmware", "location", url, "L03"),
        Rule("2", 2, "PublishFirmwareStatusNotification", "location[]", url, "L03"),
        Rule("2", 2, "GetCertificateStatus", "ocspRequestData.responderURL", url, "M06"),
        Rule("2", 2, "Authorize", "iso15118CertificateHashData[].responderURL", url, "C07"),
        Rule("2.1", 2, "GetCertificateChainStatus", "certificateStatusRequests[].urls[]", url, "M07"),
        Rule("2.1", 2, "NotifySettlement", "receiptUrl", url, "C25"),
        Rule("2.1", 3, "NotifySettlement", "receiptUrl", url, "C25"),
        # free text for people that may quote what was refused
        Rule("1.6", 2, "SecurityEventNotification", "techInfo", text, "security whitepaper A04"),
        Rule("2", 2, "SecurityEventNotification", "techInfo", text, "A04"),
        Rule("2", 3, "SetNetworkProfile", "statusInfo.additionalInfo", How.ECHO, "B09; StatusInfoType"),
    )


RULES: Final = _rules()

SECRET_PLACES: Final = frozenset(
    tuple(part.lower() for part in rule.path.replace("[]", "").split(".")[-2:])
    for rule in RULES
    if rule.how is How.ALWAYS
)
"""(parent, member) of the places that are secret whatever stands beside them; also in messages nobody knows."""
SECRETIVE: Final = frozenset(
    rule.action for rule in RULES if rule.message_type == 2 and rule.how in (How.ALWAYS, How.NAMED)
)
"""Actions whose CALL may hold a secret without a form of its own: an error about it may quote the bare value."""
ECHOING: Final = {rule.action: rule.path.rpartition(".")[2].lower() for rule in RULES if rule.how is How.ECHO}
"""Action -> the member of its answer that may quote what was asked."""

# --- names


def _hints(low: str) -> bool:
    """Without one of these no secret is named here. One look each: most strings have none, and most time goes here."""
    return (
        "pass" in low
        or "key" in low
        or "secret" in low
        or "pwd" in low
        or "pin" in low
        or "credential" in low
        or "psk" in low
        or "jwt" in low
        or "bearer" in low
        or ("token" in low and low.count("token") != low.count("idtoken"))
    )


_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")
_PARTS: Final = ("passw", "passphrase", "passcode", "pwd", "secret", "credential", "authorizationkey", "jwt")
_ENDS: Final = (
    *(
        f"{what}key"
        for what in (
            "access", "account", "admin", "aes", "api", "auth", "des", "encrypt", "encryption", "hmac", "master",
            "mqtt", "private", "root", "sas", "security", "session", "shared", "signing", "ssh", "storage",
            "symmetric", "user", "vpn", "wep", "wifi", "wlan", "wpa",
        )
    ),
    *(f"{what}pin" for what in ("access", "admin", "service", "sim", "unlock", "user")),
    *(
        f"{what}token"
        for what in (
            "access", "api", "auth", "authentication", "authorization", "bearer", "csrf", "refresh", "sas",
            "security", "session", "web",
        )
    ),
    "pincode", "pinnumber", "psk",
)  # fmt: skip
_WHOLE: Final = frozenset({"pass", "pin"})
"""Names of secrets: what stands anywhere in one, what it ends with (digits apart), and whole ones. No idToken, no
publicKey, no MasterPassGroupId, no EnergyKey."""


def word(name: str) -> str:
    """A name as it is compared: CiStrings ignore case, and peers put separators where they like."""
    low = name[:MOST_NAME].lower()
    return low if low.isalnum() else _SEPARATORS.sub("", low)


def names_secret(name: str) -> bool:
    """Is a value of this name a secret? For member names, configuration keys and variables."""
    return is_secret(word(name))


def is_secret(name: str) -> bool:
    """The same for a `word`."""
    if not _hints(name):
        return False
    for part in _PARTS:
        if part in name:
            return True
    bare = name.rstrip("0123456789")
    return bare in _WHOLE or bare.endswith(_ENDS)


_MENTION: Final = re.compile(
    r"passw|pass[ _-](?:word|phrase|code)|passphrase|passcode|secret|credential|\bpwd\b|pwd[\"']?\s*[=:]"
    r"|authorization[ _-]?key|(?:api|vpn|private|shared|encryption|master|access|wifi|wpa2?)[ _-]?key"
    r"|sim[ _-]?pin|\bpin[\"']?\s*[=:]|\bpin[ _-]?code|\bpsk\b|\bpass[\"']?\s*[=:]"
    r"|(?:access|auth|api|bearer|refresh|session|security)[ _-]?token|(?<!id)(?<!id_)token[\"']?\s*[=:]|\bbearer\s"
)
_BARE_NAME: Final = re.compile(r"[\w.\-/\[\]]{1,64}")


def mentions_secret(text: str) -> bool:
    """Does free text speak of a secret? A bare name does not: GetConfiguration asks for keys by theirs."""
    low = text.lower()
    return _hints(low) and _BARE_NAME.fullmatch(text) is None and _MENTION.search(low) is not None


# --- URLs

_PARAMETER: Final = (
    r"[?&#;][\w.\-\[\]%]{0,40}?(?:passw[\w\-]*|pwd|passphrase|secret[\w\-]*|token|sig|signature|credentials?"
    r"|api[_\-]?key|access[_\-]?key(?:id)?|(?<![\w\-.\[\]%])(?:pass|key|auth|pin|psk|sas|jwt|hmac|code)"
    r"|auth[_\-]?key|authorization(?:key)?)="
)
_USER: Final = re.compile(
    r"(?P<slashes>//)(?:"
    r"(?P<user>[^/?#\s\"'<>:@]{0,256}:)?[^/?#\s\"'<>]{0,512}@"
    # a password with an unescaped slash: what looks like a port is none
    r"|(?P<name>[^/?#\s\"'<>:@]{1,256}:)(?!\d{1,5}(?:[/?#\s\"'<>]|\Z))[^\s\"'<>@]{1,512}@)"
)
_QUERY: Final = re.compile(rf"(?P<name>{_PARAMETER})[^&#;\s\"'<>]+", re.IGNORECASE)


def mask_url(text: str) -> str:
    """`text` without the passwords and tokens of the URLs in it; user names stay where a password follows them."""
    if "//" in text and "@" in text:
        text = _USER.sub(_without_password, text)
    if "=" in text:
        text = _QUERY.sub(lambda found: found["name"] + MASK, text)
    return text


def _without_password(found: re.Match[str]) -> str:
    return f"{found['slashes']}{found['user'] or found['name'] or ''}{MASK}@"


# --- bytes


def suspicious(text: bytes) -> bool:
    """May a rule apply to this JSON text? False is certain. Some ns per byte: look at the action first."""
    low = text.decode("latin-1").lower()
    return "@" in low or "?" in low or "\\u" in low or _hints(low)


_ESCAPE: Final = re.compile(rb"\\+u00([2-7][0-9a-f])")
_NAMES: Final = {
    b"pass": (b"passw", b"passphrase", b"passcode", b'"pass"', b"pass=", b"pass:"),
    b"key": (
        b"authorizationkey", b"authorization_key", b"authorization-key", b"apikey", b"api_key", b"api-key",
        b"privatekey", b"private_key", b"sharedkey", b"vpnkey", b"vpn_key", b"accesskey", b"access_key", b"masterkey",
        b"encryptionkey", b"encryption_key", b"wifikey", b"wpakey", b"authkey",
    ),
    b"vpn": (b'"vpn"',),
    b"secret": (b"secret",),
    b"pwd": (b'pwd":', b'"pwd"', b"pwd=", b"pwd:"),
    b"pin": (b"simpin", b"sim_pin", b"pincode", b"pin_code", b'"pin"', b"userpin"),
    b"credential": (b"credential",),
    b"psk": (b'psk":', b'"psk"', b"psk: "),
    b"token": (
        b"accesstoken", b"access_token", b"authtoken", b"auth_token", b"apitoken", b"api_token", b"bearertoken",
        b"refreshtoken", b"refresh_token", b"sessiontoken", b"session_token", b"securitytoken",
    ),
    b"bearer": (b"bearer ",),
}  # fmt: skip
"""What all names of a kind have in common -> the names, as they stand in any bytes."""
_WITH_PASSWORD: Final = re.compile(rb"[a-z]:\\?/\\?/[!-~]{0,256}?:[!-~]{1,256}?@", re.IGNORECASE)
"""With a scheme and printable: of random bytes, a mebibyte nearly always holds two slashes, a colon and an at."""
_WITH_TOKEN: Final = re.compile(_PARAMETER.encode() + rb"[^&#;\s\"'<>]")


_NAMED_VALUES: Final = (
    (b'"changeconfiguration"', b'"value"', re.compile(rb'"key"\s*:\s*"[^"]*"')),
    (b'"setvariables"', b'"attributevalue"', re.compile(rb'"variable"\s*:\s*\{[^{}]*?"name"\s*:\s*"[^"]*"')),
)
"""Actions that set a value by the name beside it: of a text that is cut off, the name may be what is missing."""


def _has_value_without_name(low: bytes) -> bool:
    return any(
        action in low and low.count(value) > len(name.findall(low)) for action, value, name in _NAMED_VALUES
    )


def scan(data: bytes) -> bool:
    """Do these bytes, of any kind, name a secret or hold a URL with a password? Letters may be escaped, or UTF-16."""
    low = data.lower()
    if b"\0" in low:
        low = low.replace(b"\0", b"")
    if b"\\u" in low:
        low = _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), low).lower()
    if any(hint in low and any(name in low for name in names) for hint, names in _NAMES.items()):
        return True
    if _has_value_without_name(low):
        return True
    if b"@" in low and _WITH_PASSWORD.search(low):
        return True
    return b"?" in low and b"=" in low and _WITH_TOKEN.search(low) is not None


_KEY_SIZE: Final = 4
_CASE: Final = 0x20


def _unkeyed(data: bytes) -> bytes:
    """What of `data` does not depend on the mask key nor on the case of letters: each byte against the one 4 before."""
    size = len(data) - _KEY_SIZE
    if size <= 0:
        return b""
    mixed = int.from_bytes(data[_KEY_SIZE:], "big") ^ int.from_bytes(data[:size], "big")
    return mixed.to_bytes(size, "big").translate(_FOLDED)


_FOLDED: Final = bytes(byte & ~_CASE for byte in range(256))
_MASKED_NAMES: Final = tuple(
    map(
        _unkeyed,
        (
            b"password", b"passphrase", b"authorizationkey", b"sharedsecret", b"clientsecret", b"credential",
            b"privatekey", b"encryptionkey", b"access_token", b"accesstoken", b"simpin\":\"",
        ),
    )
)  # fmt: skip
"""Shorter ones would be found in any noise: four bytes of each are left less than it has."""


def scan_masked(data: bytes) -> bool:
    """Do bytes under an unknown mask key (RFC 6455 5.3), somewhere in them, name a secret? Long names only."""
    mixed = _unkeyed(data)
    return any(name in mixed for name in _MASKED_NAMES)
