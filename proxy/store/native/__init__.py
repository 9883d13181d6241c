"""ClickHouse servers over the native protocol (`clickhouse://`), by clickhouse-driver."""
