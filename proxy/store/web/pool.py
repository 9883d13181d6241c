"""The connection of `web.py`, and what an answer must be to count. Knows urllib3, and nothing of tables or rows.

Every request of clickhouse-connect passes `WebPool.urlopen`, and so does every answer: redirects and retries are
off, an answer that is no whole 200 of ClickHouse becomes a StoreError here, in one line, before the library logs or
repeats anything. A head that was cut off looks like an empty answer, that is why it must say where the body ends.
"""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

from clickhouse_connect.driver.httputil import all_managers, get_pool_manager_options
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.poolmanager import PoolManager
from urllib3.response import BaseHTTPResponse

from proxy.store.address import Address
from proxy.store.interface import StoreError, refusal
from proxy.store.words import cut, one_line

PIECE_BYTES: Final = 1 << 18
_OK: Final = 200
_LONGEST_PAGE: Final = 64 << 10
_FIRST_WORDS: Final = 80
_BEGINNING: Final = 4096
"""Of a page; its first words are in there, and no page makes us search for long."""
_CODE_HEADER: Final = "X-ClickHouse-Exception-Code"
_TAG_HEADER: Final = "X-ClickHouse-Exception-Tag"
_NAMES_ITSELF: Final = "x-clickhouse-"
_CODE: Final = re.compile(r"Code: (\d+)\. DB::Exception: ")
_TAGS: Final = re.compile(r"<(style|script)\b.*?(?:</\1\s*>|\Z)|<[^>]*>", re.DOTALL | re.IGNORECASE)
_BEGINS: Final = re.compile(rb"Code: \d{1,9}\. DB::Exception: ")


class WebPool(PoolManager):
    """The connection to one server. It takes part in nothing else: no proxy, no redirect, no second try."""

    def __init__(self, address: Address) -> None:
        options = address.options
        super().__init__(
            **get_pool_manager_options(
                ca_cert=options["ca_certs"] or None,
                verify=options["verify"] == "1",
                client_cert=options["certificate"] or None,
                client_cert_key=options["key"] or None,
                maxsize=1,
            )
        )
        host, port = address.hosts[0]
        self.place = f"{address.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        self.named = ""
        """URL-encoded arguments of the next request."""
        self._seconds = {name: options[name] for name in ("connect_timeout", "timeout")}
        self._answer: BaseHTTPResponse | None = None

    def urlopen(  # type: ignore[override]  # as in PoolManager itself
        self, method: str, url: str, redirect: bool = True, **kw: Any
    ) -> BaseHTTPResponse:
        """The answer, its body unread; StoreError for all that is none."""
        if self.named:
            url, self.named = f"{url}&{self.named}", ""
        kw |= {"retries": False, "preload_content": False}
        in_pieces(kw)
        try:
            answer = super().urlopen(method, url, redirect=False, **kw)
            self._answer = answer
            self._judge(answer)
        except (HTTPError, OSError, http.client.HTTPException) as error:
            raise StoreError(f"{self.place}: {self.why(error)}") from None
        return answer

    def last_answer(self) -> BaseHTTPResponse:
        """The answer to the last request."""
        assert self._answer is not None
        return self._answer

    def is_last(self, answer: BaseHTTPResponse) -> bool:
        """Has nothing been asked since, and nobody hung up?"""
        return answer is self._answer

    def expect_nothing(self) -> None:
        """The last answer has no body: that of an insert which is done. StoreError otherwise."""
        if body := self.last_answer().data:
            text = body[:_LONGEST_PAGE].decode("utf-8", "replace")
            raise _failure(text, 0) or StoreError(f"{self.place}: not an insert's answer: {_words(text)}")

    def drop_answer(self) -> None:
        """Hang up on what is not read."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def hang_up(self) -> None:
        """Close the connection; the next request makes a new one."""
        self.named = ""
        self.drop_answer()
        self.clear()
        all_managers.pop(self, None)  # the library enters every pool it has used

    def why(self, error: Exception) -> str:
        """What went wrong on the way, in one line."""
        if isinstance(error, NameResolutionError):
            return "no such host"
        if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
            return f"no connection within {self._seconds['connect_timeout']} s"
        if isinstance(error, ReadTimeoutError):
            connecting, asking = self._seconds.values()
            return f"no answer: not a byte for {asking} s (while connecting: {connecting} s)"
        inner = _innermost(error)
        if isinstance(error, SSLError) or isinstance(inner, ssl.SSLError):
            return f"TLS: {one_line(str(getattr(inner, 'verify_message', '') or inner))}"
        if isinstance(inner, http.client.BadStatusLine) and not isinstance(inner, ConnectionError):
            return "what answers is not HTTP: https:// is for a TLS port, clickhouse:// for the native one"
        return one_line(getattr(inner, "strerror", None) or str(inner))

    def _judge(self, answer: BaseHTTPResponse) -> None:
        code = answer.headers.get(_CODE_HEADER, "")
        if answer.status != _OK or code:
            text = answer.read(_LONGEST_PAGE).decode("utf-8", "replace")
            known = int(code[:9]) if code.isdecimal() else 0
            raise _failure(text, known) or StoreError(f"{self.place} answers {answer.status}: {_words(text)}")
        if not any(name.lower().startswith(_NAMES_ITSELF) for name in answer.headers):
            page = answer.read(_LONGEST_PAGE).decode("utf-8", "replace")
            raise StoreError(f"{self.place}: not ClickHouse, it answers: {_words(page)}")
        if "Content-Length" not in answer.headers and not getattr(answer, "chunked", False):
            raise StoreError(f"{self.place}: the answer broke off in its head")


def failure_at_the_end(tail: bytes, headers: Mapping[str, str]) -> StoreError | None:
    """The exception that ends a body which began as an answer.

    A server that names a tag (25.11 and newer) puts it round its exceptions; then nothing else is one.
    """
    tag = re.escape(headers.get(_TAG_HEADER, "").encode("latin-1", "replace"))
    pattern = rb"__exception__\r\n%b\r\n(.*)\r\n\d+ %b\r\n__exception__\s*\Z" % (tag, tag)
    match = re.search(pattern, tail, re.DOTALL) if tag else None
    text = match[1] if match else b"" if tag else _last_lines(tail)
    return _failure(text.decode("utf-8", "replace"), 0)


def _last_lines(tail: bytes) -> bytes:
    """How servers before 25.11 tell of an error when the 200 is out: on lines of its own, the version at the end."""
    text = tail.rstrip()
    start = text.rfind(b"\nCode: ") + 1
    version = text.rfind(b"(version ")
    whole = version > start and text.endswith(b")") and b"\n" not in text[version:]
    return text[start:] if whole and _BEGINS.match(text, start) else b""


def _failure(text: str, code: int) -> StoreError | None:
    """The error that a text of ClickHouse tells of, None if it is none; without a header's code the text's counts."""
    match = _CODE.search(text)
    if not code and not match:
        return None
    return refusal(one_line(text) or f"code {code}", code or int(match[1][:9] if match else 0))


def _words(page: str) -> str:
    """The first words of a page that is not ClickHouse's."""
    return cut(" ".join(_TAGS.sub(" ", page[:_BEGINNING]).split()), _FIRST_WORDS) or "(nothing)"


def _innermost(error: BaseException) -> BaseException:
    """urllib3 packs what happened into its own errors, as their last argument or their cause."""
    for _ in range(4):
        inner = (
            error.args[-1] if error.args and isinstance(error.args[-1], BaseException) else error.__cause__
        )
        if inner is None:
            break
        error = inner
    return error


def in_pieces(kw: dict[str, Any]) -> None:
    """Let a large body go out piece by piece: the time to connect (5 s) is allowed for each, not for all of it."""
    body = kw.get("body")
    if isinstance(body, bytes) and len(body) > PIECE_BYTES:
        kw["headers"] = {**kw["headers"], "Content-Length": str(len(body))}
        kw["body"] = _pieces(body)


def _pieces(body: bytes) -> Iterator[memoryview]:
    view = memoryview(body)
    for start in range(0, len(body), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]
