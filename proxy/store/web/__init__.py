"""ClickHouse servers over http:// and https://, by clickhouse-connect."""
