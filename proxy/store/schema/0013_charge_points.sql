-- The passport of a charge point: what it and its connections last said about themselves. No partition, no expiry.
-- Rows are partial: what a row does not say is NULL and changes nothing; the engine puts rows of one key together in
-- the order of their inserts. The recorder keeps none of this.
CREATE TABLE IF NOT EXISTS all_charge_points (
    `first_at`           SimpleAggregateFunction(min, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    `last_at`            SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    `batch`              SimpleAggregateFunction(max, UInt64) CODEC(Delta, ZSTD(1)),
    `charge_point`       LowCardinality(String) CODEC(ZSTD(1)),
    `vendor`             SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `model`              SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `serial`             SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `firmware`           SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `ocpp_version`       SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `boot_status`        SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `boot_reason`        SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `boot_at`            SimpleAggregateFunction(anyLast, Nullable(DateTime64(6, 'UTC'))) CODEC(ZSTD(1)),
    `heartbeat_interval` SimpleAggregateFunction(anyLast, Nullable(UInt32)) CODEC(ZSTD(1)),
    `iccid`              SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `imsi`               SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `meter_type`         SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `meter_serial`       SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `remote_address`     SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `connected_at`       SimpleAggregateFunction(anyLast, Nullable(DateTime64(6, 'UTC'))) CODEC(ZSTD(1)),
    `disconnected_at`    SimpleAggregateFunction(anyLast, Nullable(DateTime64(6, 'UTC'))) CODEC(ZSTD(1)),
    `connectors`         SimpleAggregateFunction(groupUniqArrayArray(1000), Array(String)) CODEC(ZSTD(1)),
    `journal`            LowCardinality(String) CODEC(ZSTD(1)),
    `source`             LowCardinality(String) CODEC(ZSTD(1))
) ENGINE = {engine:AggregatingMergeTree}
ORDER BY (charge_point, source, journal)
SETTINGS non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows; of what several journals say of one charge point, the newest.
CREATE VIEW IF NOT EXISTS charge_points AS
SELECT
    toDateTime64(min(known.first_at), 6, 'UTC') AS first_at,
    toDateTime64(max(known.last_at), 6, 'UTC') AS last_at,
    toUInt64(max(known.batch)) AS batch,
    known.charge_point AS charge_point,
    argMax(known.vendor, known.boot_at) AS vendor,
    argMax(known.model, known.boot_at) AS model,
    argMax(known.serial, known.boot_at) AS serial,
    argMax(known.firmware, known.boot_at) AS firmware,
    argMax(known.ocpp_version, known.connected_at) AS ocpp_version,
    argMax(known.boot_status, known.boot_at) AS boot_status,
    argMax(known.boot_reason, known.boot_at) AS boot_reason,
    argMax(known.boot_at, known.boot_at) AS boot_at,
    argMax(known.heartbeat_interval, known.last_at) AS heartbeat_interval,
    argMax(known.iccid, known.boot_at) AS iccid,
    argMax(known.imsi, known.boot_at) AS imsi,
    argMax(known.meter_type, known.boot_at) AS meter_type,
    argMax(known.meter_serial, known.boot_at) AS meter_serial,
    argMax(known.remote_address, known.connected_at) AS remote_address,
    argMax(known.connected_at, known.connected_at) AS connected_at,
    argMax(known.disconnected_at, known.disconnected_at) AS disconnected_at,
    arraySort(groupUniqArrayArray(known.connectors)) AS connectors,
    toLowCardinality(argMax(known.journal, known.last_at)) AS journal,
    toLowCardinality(any(known.source)) AS source
FROM all_charge_points AS known FINAL
WHERE known.source = ''
GROUP BY known.charge_point;
