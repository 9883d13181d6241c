-- One charging transaction; the newest batch's row wins. `at` is when its opening was observed and never changes.
CREATE TABLE IF NOT EXISTS all_transactions (
    `at`                DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `last_at`           DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`             UInt64 CODEC(Delta, ZSTD(1)),
    `frame_no`          UInt64 CODEC(Delta, ZSTD(1)),
    `end_frame_no`      UInt64 CODEC(ZSTD(1)),
    `samples`           UInt64 CODEC(ZSTD(1)),
    `seq_missing`       UInt64 CODEC(ZSTD(1)),
    `starts`            UInt64 CODEC(ZSTD(1)),
    `outcome`           Enum8('unknown' = 0, 'success' = 1, 'failure' = 2) CODEC(ZSTD(1)),
    `offline`           UInt8 CODEC(ZSTD(1)),
    `key`               String CODEC(ZSTD(1)),
    `charge_point`      LowCardinality(String) CODEC(ZSTD(1)),
    `connection_id`     String CODEC(ZSTD(1)),
    `end_connection_id` String CODEC(ZSTD(1)),
    `transaction_id`    String CODEC(ZSTD(1)),
    `id_token`          String CODEC(ZSTD(1)),
    `started_at`        Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `started_text`      String CODEC(ZSTD(1)),
    `stopped_at`        Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `stopped_text`      String CODEC(ZSTD(1)),
    `meter_start_wh`    Nullable(Float64) CODEC(ZSTD(1)),
    `meter_stop_wh`     Nullable(Float64) CODEC(ZSTD(1)),
    `energy_wh`         Nullable(Float64) CODEC(ZSTD(1)),
    `soc_first`         Nullable(Float64) CODEC(ZSTD(1)),
    `soc_last`          Nullable(Float64) CODEC(ZSTD(1)),
    `power_max_w`       Nullable(Float64) CODEC(ZSTD(1)),
    `cost`              Nullable(Float64) CODEC(ZSTD(1)),
    `remote_start_id`   Nullable(Int64) CODEC(ZSTD(1)),
    `reservation_id`    Nullable(Int64) CODEC(ZSTD(1)),
    `seq_first`         Nullable(Int64) CODEC(ZSTD(1)),
    `seq_last`          Nullable(Int64) CODEC(ZSTD(1)),
    `state`             LowCardinality(String) CODEC(ZSTD(1)),
    `began`             LowCardinality(String) CODEC(ZSTD(1)),
    `energy_basis`      LowCardinality(String) CODEC(ZSTD(1)),
    `id_token_kind`     LowCardinality(String) CODEC(ZSTD(1)),
    `reason`            LowCardinality(String) CODEC(ZSTD(1)),
    `status`            LowCardinality(String) CODEC(ZSTD(1)),
    `trigger`           LowCardinality(String) CODEC(ZSTD(1)),
    `charging_state`    LowCardinality(String) CODEC(ZSTD(1)),
    `currency`          LowCardinality(String) CODEC(ZSTD(1)),
    `evse_id`           Nullable(UInt32) CODEC(ZSTD(1)),
    `connector_id`      Nullable(UInt32) CODEC(ZSTD(1)),
    `journal`           LowCardinality(String) CODEC(ZSTD(1)),
    `source`            LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_transaction transaction_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {engine:ReplacingMergeTree(batch)}
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, key, source)
TTL if(source = '', toDateTime(last_at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows, newest version.
CREATE VIEW IF NOT EXISTS transactions AS SELECT * FROM all_transactions FINAL WHERE source = '';
