-- What StatusNotification (and 2.x NotifyEvent) said about a connector, an EVSE or the whole charge point. Append-only.
CREATE TABLE IF NOT EXISTS all_statuses (
    `at`                DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`             UInt64 CODEC(Delta, ZSTD(1)),
    `frame_no`          UInt64 CODEC(Delta, ZSTD(1)),
    `item_no`           UInt32 CODEC(ZSTD(1)),
    `availability`      Enum8('unknown' = 0, 'available' = 1, 'occupied' = 2, 'reserved' = 3, 'unavailable' = 4, 'faulted' = 5) CODEC(ZSTD(1)),
    `connection_id`     String CODEC(ZSTD(1)),
    `charge_point`      LowCardinality(String) CODEC(ZSTD(1)),
    `info`              String CODEC(ZSTD(1)),
    `vendor_id`         String CODEC(ZSTD(1)),
    `vendor_error_code` String CODEC(ZSTD(1)),
    `told_at`           Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    `told_text`         String CODEC(ZSTD(1)),
    `status`            LowCardinality(String) CODEC(ZSTD(1)),
    `error_code`        LowCardinality(String) CODEC(ZSTD(1)),
    `action`            LowCardinality(String) CODEC(ZSTD(1)),
    `evse_id`           Nullable(UInt32) CODEC(ZSTD(1)),
    `connector_id`      Nullable(UInt32) CODEC(ZSTD(1)),
    `journal`           LowCardinality(String) CODEC(ZSTD(1)),
    `source`            LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_connection connection_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {engine:MergeTree}
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, frame_no, item_no, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows.
CREATE VIEW IF NOT EXISTS statuses AS SELECT * FROM all_statuses WHERE source = '';
