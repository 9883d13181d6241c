-- One row per sample, in base units, the original beside it. Append-only.
CREATE TABLE IF NOT EXISTS all_meter_values (
    `at`             DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`          UInt64 CODEC(Delta, ZSTD(1)),
    `frame_no`       UInt64 CODEC(Delta, ZSTD(1)),
    `item_no`        UInt32 CODEC(ZSTD(1)),
    `value`          Nullable(Float64) CODEC(Gorilla, ZSTD(1)),
    `told_value`     String CODEC(ZSTD(1)),
    `public_key`     String CODEC(ZSTD(1)),
    `measurand`      LowCardinality(String) CODEC(ZSTD(1)),
    `phase`          LowCardinality(String) CODEC(ZSTD(1)),
    `location`       LowCardinality(String) CODEC(ZSTD(1)),
    `context`        LowCardinality(String) CODEC(ZSTD(1)),
    `unit`           LowCardinality(String) CODEC(ZSTD(1)),
    `told_unit`      LowCardinality(String) CODEC(ZSTD(1)),
    `multiplier`     Int8 CODEC(ZSTD(1)),
    `signed`         UInt8 CODEC(ZSTD(1)),
    `evse_id`        Nullable(UInt32) CODEC(ZSTD(1)),
    `connector_id`   Nullable(UInt32) CODEC(ZSTD(1)),
    `action`         LowCardinality(String) CODEC(ZSTD(1)),
    `journal`        LowCardinality(String) CODEC(ZSTD(1)),
    `source`         LowCardinality(String) CODEC(ZSTD(1)),
    `told_at`        Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    `told_text`      String CODEC(ZSTD(1)),
    `transaction_id` String CODEC(ZSTD(1)),
    `connection_id`  String CODEC(ZSTD(1)),
    `charge_point`   LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_connection connection_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_transaction transaction_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {engine:MergeTree}
PARTITION BY toDate(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, frame_no, item_no, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows.
-- A JSON number in the base unit is stored once, as `value`.
CREATE VIEW IF NOT EXISTS meter_values AS
SELECT * REPLACE (if(told_value = '', ifNull(toString(value), ''), told_value) AS told_value)
FROM all_meter_values WHERE source = '';
