-- What is not in `frames` although it passed, and time that nobody observed (`kind`: proxy/tables.py).
CREATE TABLE IF NOT EXISTS all_gaps (
    `at`            DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `until_at`      DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`         UInt64 CODEC(Delta, ZSTD(1)),
    `gap_no`        UInt64 CODEC(Delta, ZSTD(1)),
    `stream_offset` UInt64 CODEC(Delta, ZSTD(1)),
    `bytes`         UInt64 CODEC(ZSTD(1)),
    `direction`     Enum8('' = 0, 'from_charge_point' = 1, 'from_csms' = 2) CODEC(ZSTD(1)),
    `connection_id` String CODEC(ZSTD(1)),
    `charge_point`  LowCardinality(String) CODEC(ZSTD(1)),
    `kind`          LowCardinality(String) CODEC(ZSTD(1)),
    `reason`        String CODEC(ZSTD(1)),
    `link`          String CODEC(ZSTD(1)),
    `journal`       LowCardinality(String) CODEC(ZSTD(1)),
    `source`        LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_connection connection_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {engine:MergeTree}
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, journal, batch, gap_no, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows; bytes that are no text in hexadecimal.
CREATE VIEW IF NOT EXISTS gaps AS
SELECT * REPLACE (lower(hex(link)) AS link) FROM all_gaps WHERE source = '';
