"""The native client against Debian's ClickHouse 18.16: the way there, blocks, refusals, a server that dies.

That server lacks what our schema is made of, so its table is a reduced one. Settings of a batch (18.16 is told
none that it does not know), parameters, formats and TLS: against the bridge, an engine of today (bridge.py).
"""

from __future__ import annotations

import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme

from proxy.store.address import parse
from proxy.store.deployment import SINGLE, Deployment
from proxy.store.interface import Role, RowsRefused, StoreError
from proxy.store.native.client import NativeStore
from proxy.tables import TABLES
from tests.store.bridge import Bridge
from tests.store.conftest import USERS, Place, RowMaker
from tests.store.debian import DATABASE, PASSWORD, READERS, USER, DebianServer, Relay, debian_server

REDUCED = {column: kind.replace("DateTime64(6, 'UTC')", "Int64") for column, kind in TABLES["gaps"].items()}
BLOCK = b"\x02\x00\x01\x00\x02\xff\xff\xff\xff\x00"
"""How a data packet begins, uncompressed: its type, no table's name, a block's info."""

UNKNOWN_IDENTIFIER = 47
TABLE_IS_READ_ONLY = 242
READ_ONLY = (
    f"SELECT throwIf(1, 'no', toInt32({TABLE_IS_READ_ONLY})) SETTINGS allow_custom_error_code_in_throwif = 1"
)


class ReducedStore(NativeStore):
    """Says nothing that 18.16 does not know: there, the driver leaves out only what it does not know itself."""

    def _batch_settings(self, token: str) -> dict[str, str]:
        settings = super()._batch_settings(token)
        del settings["deduplicate_blocks_in_dependent_materialized_views"]
        return settings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianServer]:
    with debian_server(tmp_path_factory.mktemp("debian")) as server:
        columns = ", ".join(
            f"`{column}` {kind.replace('LowCardinality(String)', 'String')}"
            for column, kind in REDUCED.items()
        )
        server.ask(f"CREATE TABLE {DATABASE}.all_gaps ({columns}) ENGINE = MergeTree ORDER BY gap_no")
        yield server


StoreMaker = Callable[..., NativeStore]


@pytest.fixture
def store_at(server: DebianServer) -> Iterator[StoreMaker]:
    """A client of the server: by another way, as somebody else, ..."""
    made: list[NativeStore] = []

    def make(
        hosts: str = f"127.0.0.1:{server.port}",
        options: str = "compression=none",
        user: str = USER,
        password: str = PASSWORD,
        database: str = DATABASE,
        role: Role = Role.WRITER,
    ) -> NativeStore:
        url = f"clickhouse://{user}:{quote(password, safe='')}@{hosts}/{database}?{options}"
        made.append(ReducedStore(parse(url), role, tables={"gaps": REDUCED}))
        return made[-1]

    yield make
    for store in made:
        store.close()


def gaps(row: RowMaker, name: str, numbers: range, **values: Any) -> list[tuple[Any, ...]]:
    return [row("gaps", connection_id=name, gap_no=n, **values) for n in numbers]


def numbers_of(server: DebianServer, name: str) -> list[int]:
    sql = f"SELECT gap_no FROM {DATABASE}.all_gaps WHERE connection_id = '{name}' ORDER BY gap_no"
    return [number for (number,) in server.ask(sql)]


@pytest.fixture
def relay(server: DebianServer) -> Iterator[Relay]:
    relay = Relay(server.port)
    yield relay
    relay.close()


# rows


@pytest.mark.parametrize("compression", ["none", "lz4"])
def test_rows_arrive_as_they_are(
    server: DebianServer, store_at: StoreMaker, row: RowMaker, compression: str
) -> None:
    """lz4 only where clickhouse-cityhash is installed."""
    values = {"stream_offset": 2**64 - 1, "reason": "a\ud800\tü", "direction": 2}
    given = gaps(row, compression, range(2), **values)
    store_at(options=f"compression={compression}").insert("gaps", given, "u:1:gaps")
    sql = f"SELECT stream_offset, reason, direction FROM {DATABASE}.all_gaps WHERE connection_id = '{compression}'"
    assert server.ask(sql) == [(2**64 - 1, "a\\ud800\tü", "from_csms")] * 2


def test_a_batch_is_one_block(relay: Relay, store_at: StoreMaker, row: RowMaker) -> None:
    store_at(relay.host).insert("gaps", gaps(row, "one block", range(200)), "u:1:gaps")
    blocks = [block[:3] for block in bytes(relay.sent).split(BLOCK)[1:]]
    assert blocks == [
        b"\x00\x00",
        bytes([len(REDUCED)]) + b"\xc8\x01",
        b"\x00\x00",
    ]  # 200 rows, between two ends


def test_no_rows_are_not_sent(relay: Relay, store_at: StoreMaker) -> None:
    store_at(relay.host).insert("gaps", [], "u:1:gaps")
    assert not relay.sent


def test_a_value_that_does_not_fit_is_never_sent(relay: Relay, store_at: StoreMaker, row: RowMaker) -> None:
    store = store_at(relay.host)
    for wrong in ({"bytes": -1}, {"direction": 7}, {"reason": 7}, {"at": None}):
        with pytest.raises(RowsRefused):
            store.insert(
                "gaps", [*gaps(row, "misfit", range(3)), *gaps(row, "misfit", range(1), **wrong)], "u:1"
            )
    assert not relay.sent


def test_what_only_the_server_s_column_refuses_is_the_rows_too(
    server: DebianServer, store_at: StoreMaker, row: RowMaker
) -> None:
    store = store_at()
    server.ask(f"ALTER TABLE {DATABASE}.all_gaps MODIFY COLUMN bytes UInt8")
    try:
        with pytest.raises(RowsRefused, match="bytes"):
            store.insert("gaps", gaps(row, "narrow", range(3), bytes=256), "u:1:gaps")
    finally:
        server.ask(f"ALTER TABLE {DATABASE}.all_gaps MODIFY COLUMN bytes UInt64")
    store.insert("gaps", gaps(row, "narrow", range(3), bytes=256), "u:1:gaps")
    assert numbers_of(server, "narrow") == [0, 1, 2]


# the server dies


def test_killed_in_the_middle_of_a_batch_the_server_has_none_of_it(
    server: DebianServer, relay: Relay, store_at: StoreMaker, row: RowMaker
) -> None:
    rows = gaps(row, "killed", range(20_000), reason="x" * 100)
    store = store_at(relay.host)
    relay.limit, relay.at_limit = 1_000_000, lambda: server.signal(signal.SIGKILL)
    try:
        with pytest.raises(StoreError) as caught:
            store.insert("gaps", rows, "u:1:gaps")
    finally:
        server.start()
    assert not isinstance(caught.value, RowsRefused)
    assert numbers_of(server, "killed") == []
    store.insert("gaps", rows, "u:1:gaps")
    assert numbers_of(server, "killed") == list(range(20_000))


def test_a_restart_between_two_batches_is_not_noticed(
    server: DebianServer, store_at: StoreMaker, row: RowMaker
) -> None:
    store = store_at()
    store.insert("gaps", gaps(row, "restart", range(1)), "u:1:gaps")
    server.kill()
    server.start()
    store.insert("gaps", gaps(row, "restart", range(1, 2)), "u:2:gaps")
    assert numbers_of(server, "restart") == [0, 1]


# who may come in, and where to


def refused(store: NativeStore, sql: str = "SHOW TABLES") -> StoreError:
    with pytest.raises(StoreError) as caught:
        store.query(sql)
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    return caught.value


def test_a_wrong_password_is_one_line_without_it(store_at: StoreMaker) -> None:
    error = refused(store_at(password="Zaunk0enig"))
    assert (error.code, str(error)) == (193, "Wrong password for user ocpptap (WRONG_PASSWORD)")


def test_a_database_that_is_not_there_can_be_made(server: DebianServer, store_at: StoreMaker) -> None:
    store = store_at(database="later")
    assert refused(store).code == 81
    store.query("CREATE DATABASE IF NOT EXISTS later")
    assert store.query("SHOW TABLES") == b""
    server.ask("DROP DATABASE later")


@pytest.mark.parametrize("user", READERS)
def test_a_reader_may_not_write_whatever_its_profile(store_at: StoreMaker, user: str) -> None:
    store = store_at(user=user, role=Role.READER)
    assert store.query("EXISTS TABLE all_gaps", format="TSV") == b"1\n"
    assert refused(store, "CREATE TABLE no (a UInt8) ENGINE = Memory").code == 164
    assert store.query("EXISTS TABLE no", format="TSV") == b"0\n"


@pytest.mark.parametrize("user", READERS)
def test_a_reader_who_may_set_nothing_sets_nothing(relay: Relay, store_at: StoreMaker, user: str) -> None:
    """Servers of today refuse the whole statement else."""
    store = store_at(relay.host, user=user, role=Role.READER)
    store.query("EXISTS TABLE all_gaps")
    assert (b"max_block_size" in relay.sent) == (b"\x08readonly" in relay.sent) == (user != "fixed")


def test_a_reader_s_rows_are_not_sent(store_at: StoreMaker, row: RowMaker) -> None:
    with pytest.raises(StoreError, match="readers may not INSERT"):
        store_at("127.0.0.1:1", role=Role.READER).insert("gaps", gaps(row, "no", range(1)), "u:1:gaps")


def test_an_old_server_is_called_old(store_at: StoreMaker) -> None:
    assert "too old, ClickHouse 24.8 is needed" in str(refused(store_at(), "SELECT version()"))


def test_rows_of_a_show_come_in_a_few_formats(store_at: StoreMaker) -> None:
    store = store_at()
    assert store.query("SHOW TABLES -- ours\n;") == b'{"name":"all_gaps"}\n'
    assert store.query("SHOW TABLES FORMAT CSV") == b'"all_gaps"\n'
    assert "format Native is for SELECT" in str(refused(store, "SHOW TABLES FORMAT Native"))


# nobody there


def test_nobody_listens(store_at: StoreMaker) -> None:
    error = refused(store_at("127.0.0.1:1"))
    assert (error.code, str(error)) == (0, "no way to the store: Connection refused (127.0.0.1:1)")


def test_no_name_no_tls_no_file(server: DebianServer, store_at: StoreMaker, tmp_path: Path) -> None:
    assert "no way to the store" in str(refused(store_at("nobody.invalid:9000")))
    assert "SSL" in str(refused(store_at(options="secure=1")))
    missing = f"secure=1&ca_certs={tmp_path}/none.pem"
    assert "No such file" in str(refused(store_at(options=missing)))


def test_the_driver_s_log_goes_nowhere(store_at: StoreMaker) -> None:
    """It has a stack for every host that is not there."""
    heard = StringIO()
    listener = logging.StreamHandler(heard)
    logging.getLogger().addHandler(listener)
    try:
        refused(store_at("127.0.0.1:1"))
    finally:
        logging.getLogger().removeHandler(listener)
    assert not heard.getvalue()


@pytest.fixture
def silent() -> Iterator[str]:
    """A host that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_server_that_never_answers_is_given_up(silent: str, store_at: StoreMaker) -> None:
    error = refused(store_at(silent, options="timeout=1"))
    assert (error.code, str(error)) == (0, f"no answer from the store ({silent})")


@pytest.fixture
def rude() -> Iterator[str]:
    """A host that hangs up on whoever comes, as a balancer does that has nobody behind it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            try:
                while True:
                    client, _ = listener.accept()
                    client.recv(1 << 16)
                    client.close()
            except OSError:
                return

        threading.Thread(target=hang_up, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_the_next_host_is_asked_where_the_first_is_dead(
    server: DebianServer, silent: str, store_at: StoreMaker
) -> None:
    for first in ("127.0.0.1:1", silent):
        store = store_at(f"{first},127.0.0.1:{server.port}", options="timeout=1")
        assert store.query("EXISTS TABLE all_gaps", format="TSV") == b"1\n"


def test_after_an_error_without_an_answer_the_next_host_comes_first(
    server: DebianServer, rude: str, store_at: StoreMaker
) -> None:
    store = store_at(f"{rude},127.0.0.1:{server.port}")
    assert str(refused(store)) == "the store hung up"
    assert store.query("EXISTS TABLE all_gaps", format="TSV") == b"1\n"


def test_after_an_error_of_the_host_itself_the_next_one_comes_first(bridge: Bridge) -> None:
    """What a replica says that has lost Keeper."""
    with Bridge(bridge.data_dir, bridge.users) as other:
        hosts = bridge.url("recorder").replace("/ocpptap", f",127.0.0.1:{other.port}/ocpptap")
        store = NativeStore(parse(hosts), Role.WRITER)
        assert refused(store, "SELECT nothing").code == UNKNOWN_IDENTIFIER
        assert store.query("SELECT 1", format="TSV") == b"1\n"
        assert not other.logins
        assert refused(store, READ_ONLY).code == TABLE_IS_READ_ONLY
        assert store.query("SELECT 1", format="TSV") == b"1\n"
        assert other.logins
        store.close()


# what a server of today is told (the bridge)


@pytest.fixture
def bridge(place_of: Callable[[str], Place]) -> Bridge:
    place = place_of("native")
    assert place.bridge
    return place.bridge


@pytest.fixture
def client_of(bridge: Bridge) -> Iterator[Callable[..., NativeStore]]:
    made: list[NativeStore] = []

    def make(role: Role = Role.READER, options: str = "", deployment: Deployment = SINGLE) -> NativeStore:
        made.append(NativeStore(parse(bridge.url("recorder", options)), role, deployment))
        return made[-1]

    yield make
    for store in made:
        store.close()


def test_the_settings_of_a_batch_go_with_it(bridge: Bridge, client_of: StoreMaker, row: RowMaker) -> None:
    client_of(Role.WRITER, "?insert_quorum=2").insert("gaps", gaps(row, "told", range(3)), "u:9:gaps")
    insert = bridge.inserts[-1]
    expected = {"insert_deduplication_token": "u:9:gaps", "insert_quorum": "2", "async_insert": "0"}
    assert expected.items() <= insert.settings.items()
    assert insert.blocks == (3,)


def test_on_a_cluster_a_batch_is_acknowledged_when_it_is_on_its_shards(
    bridge: Bridge, client_of: StoreMaker, row: RowMaker
) -> None:
    store = client_of(Role.WRITER, deployment=Deployment(cluster="both"))
    store.insert("gaps", gaps(row, "both", range(1)), "u:10:gaps")
    assert bridge.inserts[-1].settings["insert_distributed_sync"] == "1"


def test_a_reader_says_so_with_every_statement(bridge: Bridge, client_of: StoreMaker) -> None:
    reader, writer = client_of(Role.READER), client_of(Role.WRITER)
    reader.query("SELECT 1")
    for sql in ("SELECT 1", "SHOW TABLES", "SELECT 1 FORMAT CSVWithNames", "SELECT 1 FORMAT PrettyCompact"):
        bridge.statements.clear()
        reader.query(sql)
        assert {statement.settings.get("readonly") for statement in bridge.statements} == {"1"}
        writer.query(sql)
        assert "readonly" not in bridge.statements[-1].settings


def test_an_answer_of_another_question_is_not_read_on(client_of: StoreMaker) -> None:
    store = client_of()
    left = store.stream("SELECT number FROM numbers(300000)")
    assert store.query("SELECT 1 AS a") == b'{"a":1}\n'
    with pytest.raises(StoreError, match="another question came"):
        next(left)


def test_an_error_far_into_the_answer_ends_it(client_of: StoreMaker) -> None:
    with pytest.raises(StoreError, match="late") as caught:
        client_of().query("SELECT throwIf(number = 200000, 'late') FROM numbers(300000)")
    assert caught.value.code == 395


def test_null_runs_the_statement_and_gives_nothing(client_of: StoreMaker) -> None:
    assert client_of().query("SELECT number FROM numbers(10) FORMAT Null") == b""
    with pytest.raises(StoreError, match="it ran"):
        client_of().query("SELECT throwIf(number = 5, 'it ran') FROM numbers(10)", format="Null")


def test_tls_is_checked(bridge: Bridge, tmp_path: Path) -> None:
    authority = trustme.CA()
    chain = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Bridge(bridge.data_dir, USERS, context) as secure:
        for options in (f"&ca_certs={chain}", "&verify=0"):
            store = NativeStore(parse(secure.url("recorder", f"?secure=1{options}")), Role.READER)
            assert store.query("SELECT 1", format="TSV") == b"1\n"
            store.close()
        with pytest.raises(StoreError, match="certificate verify failed"):
            NativeStore(parse(secure.url("recorder", "?secure=1")), Role.READER).query("SELECT 1")
