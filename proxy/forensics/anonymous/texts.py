"""Texts without whom they are about: URLs, addresses and tokens are replaced, but for words that are known. Pure.

A token is a run of letters and digits with - _ * between them, so that an identifier is one. Separators stay, so that
what a text looked like can still be seen. What stands for a token is the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from proxy.forensics.anonymous.pseudonyms import Pseudonyms
from proxy.forensics.anonymous.words import HTTP, OURS, SEGMENTS, vocabulary

_LETTER: Final = r"(?:[A-Za-z0-9]|[^\x00-\x7f§\ufeff])"
_TOKEN: Final = rf"{_LETTER}+(?:[-_*]+{_LETTER}+)*"
_CLOCK: Final = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_MOMENT: Final = rf"(?<![0-9])[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}"
_URL: Final = r"[A-Za-z][A-Za-z0-9+.\-]{1,15}://[^\s\"'<>\\]+"
_V4: Final = r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.])"
_V6: Final = r"(?<![0-9A-Za-z:])(?:[0-9A-Fa-f]{0,4}:){2,8}(?:[0-9.]{7,15}|[0-9A-Fa-f]{0,4})(?![0-9A-Za-z:])"
_ANY: Final = re.compile(
    rf"(?P<moment>{_MOMENT})|(?P<url>{_URL})|(?P<address>{_V4}|{_V6})|(?P<token>{_TOKEN})"
)
_NUMBER: Final = re.compile(r"[0-9]{1,6}")
_PLAIN: Final = re.compile(r"[0-9]|CX[0-9]{3}|UTC-[0-9]{2}")
"""Nobody's: a digit, a code of ChargeX (minimum required error codes), a time zone."""
_OF_URL: Final = re.compile(
    r"(?P<scheme>[^:]+://)(?:(?P<user>[^/?#]*)@)?(?P<host>\[[^\]]*\]|[^/?#:]*)(?P<port>:[0-9]{1,5})?(?P<rest>.*)",
    re.DOTALL,
)
_OF_HOST: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*|[0-9A-Fa-f:.%]+)(?P<port>:[0-9]{1,5})?", re.DOTALL)
_LABEL: Final = re.compile(rf"{_LETTER}+(?:[-_]+{_LETTER}+)*")
_NAMED: Final = re.compile(r"\b(?:transactions?|id|active at|token|which) \Z")
"""What stands before a number that is a name in our own sentences."""
_SAFE: Final = "!$&'()*+,;=:@-._~"
LOCALHOST: Final = "localhost"


class Texts:
    """`pseudonyms` names everything."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._names = pseudonyms
        self._known = vocabulary().words
        self._of_heads = self._known | HTTP
        self._of_ours = self._known | OURS

    def text(self, text: str) -> str:
        """What peers say: the standard's words stay, and numbers of one digit."""
        return self._told(text, self._spoken)

    def vendor(self, text: str) -> str:
        """What only a vendor can read: nothing stays but its shape."""
        return self._told(text, self._blank)

    def http(self, text: str) -> str:
        """The value of a header."""
        return self._told(text, self._headed)

    def _spoken(self, token: str) -> str:
        return token if token.lower() in self._known or _PLAIN.fullmatch(token) else self._names.whole(token)

    def _headed(self, token: str) -> str:
        is_known = token.lower() in self._of_heads or _PLAIN.fullmatch(token)
        return token if is_known else self._names.whole(token)

    def _blank(self, token: str) -> str:
        return token if token in ("true", "false", "null") else self._names.whole(token)

    def ours(self, text: str, names: Collection[str] = ()) -> str:
        """Our own sentence: our words and its numbers stay. `names`: what in it is certainly a name."""
        wanted = sorted(filter(None, names), key=len, reverse=True)
        if not wanted:
            return self._sentence(text)
        parts = re.split("(" + "|".join(map(_alone, wanted)) + ")", text)
        return "".join(
            self._names.whole(part) if at % 2 else self._sentence(part) for at, part in enumerate(parts)
        )

    def _sentence(self, text: str) -> str:
        def said(found: re.Match[str]) -> str:
            token = found[0]
            if token.lower() in self._of_ours or _PLAIN.fullmatch(token):
                return token
            before = text[max(0, found.start() - 16) : found.start()]
            if _NUMBER.fullmatch(token) and not _NAMED.search(before):
                return token
            return self._names.whole(token)

        return self._matched(text, said)

    def _told(self, text: str, token: Callable[[str], str]) -> str:
        return self._matched(text, lambda found: token(found[0]))

    def _matched(self, text: str, token: Callable[[re.Match[str]], str]) -> str:
        def one(found: re.Match[str]) -> str:
            kind = found.lastgroup
            if kind == "token":
                return token(found)
            if kind == "url":
                return self.url(found[0])
            return found[0] if kind == "moment" else self._address(found[0])

        return _ANY.sub(one, text)

    # addresses

    def _address(self, text: str) -> str:
        try:
            return self._names.address(text)
        except ValueError:
            return _LABEL.sub(lambda part: self._names.whole(part[0]), text)

    def host(self, text: str) -> str:
        """A name or an address, in brackets or not, maybe with a port, which stays."""
        found = _OF_HOST.fullmatch(text)
        if found is None:
            return self.text(text)
        return self._host(found["host"]) + (found["port"] or "")

    def _host(self, host: str) -> str:
        if host.startswith("["):
            return f"[{self._address(host[1:-1])}]"
        if host.lower() == LOCALHOST:
            return host
        return self._address(host)

    def url(self, text: str) -> str:
        """Its scheme and its port stay; relative ones are targets."""
        found = _OF_URL.fullmatch(text)
        if found is None:
            return self.target(text)
        user = "" if found["user"] is None else f"{self.vendor(found['user'])}@"
        rest = found["rest"]
        path = self.target(rest) if rest.startswith("/") else self._told(rest, self._headed)
        return f"{found['scheme']}{user}{self._host(found['host'])}{found['port'] or ''}{path}"

    def target(self, text: str) -> str:
        """A path with its query. Its last part, which is the charge point's name, is one name."""
        path, mark, query = text.partition("?")
        segments = path.split("/")
        last = max((at for at, segment in enumerate(segments) if segment), default=0)
        told = (self._segment(segment, last - at) for at, segment in enumerate(segments))
        return "/".join(told) + mark + self._told(query, self._headed)

    def _segment(self, segment: str, parts_behind: int) -> str:
        try:
            name = unquote_to_bytes(segment).decode()
        except UnicodeDecodeError:
            return self.vendor(segment)
        if parts_behind > 0 and name.lower() in SEGMENTS:
            return segment
        return quote(self._names.whole(name), safe=_SAFE)


def _alone(name: str) -> str:
    """A name, not the part of another one."""
    return rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])"
