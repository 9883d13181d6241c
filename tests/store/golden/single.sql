CREATE DATABASE IF NOT EXISTS ocpptap;

CREATE TABLE IF NOT EXISTS migrations (number UInt32, name String, applied_at DateTime64(6, 'UTC')) ENGINE = MergeTree ORDER BY number SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- 0001_frames
-- Every WebSocket frame (or what stands for one) that passed: DESIGN 6. Codecs and indexes as measured: reference/storage.md 7.
CREATE TABLE IF NOT EXISTS all_frames (
    `at`            DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`         UInt64 CODEC(Delta, ZSTD(1)),
    `frame_no`      UInt64 CODEC(Delta, ZSTD(1)),
    `stream_offset` UInt64 CODEC(Delta, ZSTD(1)),
    `mask`          UInt32 CODEC(ZSTD(1)),
    `check`         UInt16 CODEC(ZSTD(1)),
    `direction`     Enum8('from_charge_point' = 1, 'from_csms' = 2) CODEC(ZSTD(1)),
    `kind`          Enum8('frame' = 1, 'part' = 2, 'opaque' = 3, 'tail' = 4) CODEC(ZSTD(1)),
    `opcode`        UInt8 CODEC(ZSTD(1)),
    `fin`           UInt8 CODEC(ZSTD(1)),
    `rsv`           UInt8 CODEC(ZSTD(1)),
    `masked`        UInt8 CODEC(ZSTD(1)),
    `message_type`  UInt8 CODEC(ZSTD(1)),
    `verdict`       Enum8('' = 0, 'ok' = 1, 'erratum' = 2, 'violation' = 3, 'unparseable' = 4) CODEC(ZSTD(1)),
    `truncated`     UInt8 CODEC(ZSTD(1)),
    `redacted`      UInt8 CODEC(ZSTD(1)),
    `connection_id` String CODEC(ZSTD(1)),
    `charge_point`  LowCardinality(String) CODEC(ZSTD(1)),
    `header`        String CODEC(ZSTD(1)),
    `payload`       String CODEC(ZSTD(1)),
    `text`          String CODEC(ZSTD(1)),
    `message_id`    String CODEC(ZSTD(1)),
    `action`        LowCardinality(String) CODEC(ZSTD(1)),
    `latency_us`    Nullable(UInt32) CODEC(T64, ZSTD(1)),
    `keyed_digest`  String CODEC(ZSTD(1)),
    `link`          String CODEC(ZSTD(1)),
    `journal`       LowCardinality(String) CODEC(ZSTD(1)),
    `source`        LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_message_id message_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_connection connection_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, frame_no, stream_offset, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows; bytes that are no text in hexadecimal.
CREATE VIEW IF NOT EXISTS frames AS
SELECT * REPLACE (lower(hex(header)) AS header, lower(hex(keyed_digest)) AS keyed_digest, lower(hex(link)) AS link)
FROM all_frames WHERE source = '';

INSERT INTO migrations SELECT 1, 'frames', now64(6, 'UTC');

-- 0002_connections
-- One WebSocket connection of one charge point; the newest batch's row wins. `at` is its opening and never changes.
CREATE TABLE IF NOT EXISTS all_connections (
    `at`                          DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `last_at`                     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`                       UInt64 CODEC(Delta, ZSTD(1)),
    `state`                       Enum8('open' = 1, 'closed' = 2, 'refused' = 3) CODEC(ZSTD(1)),
    `status`                      UInt16 CODEC(ZSTD(1)),
    `close_code`                  UInt16 CODEC(ZSTD(1)),
    `run`                         UInt32 CODEC(ZSTD(1)),
    `worker`                      UInt32 CODEC(ZSTD(1)),
    `count`                       UInt64 CODEC(ZSTD(1)),
    `dial_us`                     UInt64 CODEC(T64, ZSTD(1)),
    `handshake_us`                UInt64 CODEC(T64, ZSTD(1)),
    `rtt_us`                      UInt32 CODEC(T64, ZSTD(1)),
    `upstream_rtt_us`             UInt32 CODEC(T64, ZSTD(1)),
    `frames_from_charge_point`    UInt64 CODEC(ZSTD(1)),
    `frames_from_csms`            UInt64 CODEC(ZSTD(1)),
    `rows_from_charge_point`      UInt64 CODEC(ZSTD(1)),
    `rows_from_csms`              UInt64 CODEC(ZSTD(1)),
    `bytes_from_charge_point`     UInt64 CODEC(ZSTD(1)),
    `bytes_from_csms`             UInt64 CODEC(ZSTD(1)),
    `handed_from_charge_point`    UInt64 CODEC(ZSTD(1)),
    `handed_from_csms`            UInt64 CODEC(ZSTD(1)),
    `buffered_from_charge_point`  UInt64 CODEC(ZSTD(1)),
    `buffered_from_csms`          UInt64 CODEC(ZSTD(1)),
    `connection_id`               String CODEC(ZSTD(1)),
    `journal`                     LowCardinality(String) CODEC(ZSTD(1)),
    `charge_point`                LowCardinality(String) CODEC(ZSTD(1)),
    `ocpp_version`                LowCardinality(String) CODEC(ZSTD(1)),
    `subprotocol`                 LowCardinality(String) CODEC(ZSTD(1)),
    `compression`                 LowCardinality(String) CODEC(ZSTD(1)),
    `target`                      String CODEC(ZSTD(1)),
    `remote_address`              String CODEC(ZSTD(1)),
    `upstream`                    LowCardinality(String) CODEC(ZSTD(1)),
    `upstream_address`            LowCardinality(String) CODEC(ZSTD(1)),
    `request_head`                String CODEC(ZSTD(1)),
    `response_head`               String CODEC(ZSTD(1)),
    `tls_version`                 LowCardinality(String) CODEC(ZSTD(1)),
    `tls_cipher`                  LowCardinality(String) CODEC(ZSTD(1)),
    `tls_sni`                     String CODEC(ZSTD(1)),
    `tls_client_subject`          String CODEC(ZSTD(1)),
    `upstream_tls_version`        LowCardinality(String) CODEC(ZSTD(1)),
    `upstream_tls_cipher`         LowCardinality(String) CODEC(ZSTD(1)),
    `upstream_tls_subject`        String CODEC(ZSTD(1)),
    `closed_by`                   LowCardinality(String) CODEC(ZSTD(1)),
    `closed_how`                  LowCardinality(String) CODEC(ZSTD(1)),
    `closed_reason`               String CODEC(ZSTD(1)),
    `vendor`                      LowCardinality(String) CODEC(ZSTD(1)),
    `model`                       LowCardinality(String) CODEC(ZSTD(1)),
    `firmware`                    LowCardinality(String) CODEC(ZSTD(1)),
    `notes`                       Array(String) CODEC(ZSTD(1)),
    `last_link_from_charge_point` String CODEC(ZSTD(1)),
    `last_link_from_csms`         String CODEC(ZSTD(1)),
    `source`                      LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_connection connection_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = ReplacingMergeTree(batch)
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, source)
TTL if(source = '', toDateTime(last_at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows, newest version.
CREATE VIEW IF NOT EXISTS connections AS
SELECT * REPLACE (
    lower(hex(last_link_from_charge_point)) AS last_link_from_charge_point,
    lower(hex(last_link_from_csms)) AS last_link_from_csms)
FROM all_connections FINAL WHERE source = '';

INSERT INTO migrations SELECT 2, 'connections', now64(6, 'UTC');

-- 0003_gaps
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
) ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, journal, batch, gap_no, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows; bytes that are no text in hexadecimal.
CREATE VIEW IF NOT EXISTS gaps AS
SELECT * REPLACE (lower(hex(link)) AS link) FROM all_gaps WHERE source = '';

INSERT INTO migrations SELECT 3, 'gaps', now64(6, 'UTC');

-- 0004_findings
-- What the analyzers found; the newest batch's row wins. `at` is the opening moment and never changes.
CREATE TABLE IF NOT EXISTS all_findings (
    `at`             DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `last_at`        DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`          UInt64 CODEC(Delta, ZSTD(1)),
    `count`          UInt64 CODEC(ZSTD(1)),
    `severity`       Enum8('info' = 1, 'warning' = 2, 'critical' = 3) CODEC(ZSTD(1)),
    `finding_id`     String CODEC(ZSTD(1)),
    `analyzer`       LowCardinality(String) CODEC(ZSTD(1)),
    `rule`           LowCardinality(String) CODEC(ZSTD(1)),
    `charge_point`   LowCardinality(String) CODEC(ZSTD(1)),
    `connector_id`   Nullable(UInt32) CODEC(ZSTD(1)),
    `transaction_id` String CODEC(ZSTD(1)),
    `cleared_at`     Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `evidence`       Array(Tuple(String, UInt64)) CODEC(ZSTD(1)),
    `observed`       String CODEC(ZSTD(1)),
    `limit`          String CODEC(ZSTD(1)),
    `basis`          String CODEC(ZSTD(1)),
    `message`        String CODEC(ZSTD(1)),
    `muted_by`       String CODEC(ZSTD(1)),
    `journal`        LowCardinality(String) CODEC(ZSTD(1)),
    `source`         LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(batch)
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, finding_id, source)
TTL if(source = '', toDateTime(last_at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows, newest version.
CREATE VIEW IF NOT EXISTS findings AS SELECT * FROM all_findings FINAL WHERE source = '';

INSERT INTO migrations SELECT 4, 'findings', now64(6, 'UTC');

-- 0005_frame_judgement
-- Why a message's verdict is what it is, and which CALL a reply answers. Rows from before have none of it.
ALTER TABLE all_frames
    ADD COLUMN IF NOT EXISTS `answers` UInt64 CODEC(T64, ZSTD(1)) AFTER `stream_offset`,
    ADD COLUMN IF NOT EXISTS `pointer` String CODEC(ZSTD(1)) AFTER `link`,
    ADD COLUMN IF NOT EXISTS `rule`    LowCardinality(String) CODEC(ZSTD(1)) AFTER `pointer`,
    ADD COLUMN IF NOT EXISTS `clause`  LowCardinality(String) CODEC(ZSTD(1)) AFTER `rule`;

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW frames AS
SELECT * REPLACE (lower(hex(header)) AS header, lower(hex(keyed_digest)) AS keyed_digest, lower(hex(link)) AS link)
FROM all_frames WHERE source = '';

INSERT INTO migrations SELECT 5, 'frame_judgement', now64(6, 'UTC');

-- 0006_statuses
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
) ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, frame_no, item_no, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows.
CREATE VIEW IF NOT EXISTS statuses AS SELECT * FROM all_statuses WHERE source = '';

INSERT INTO migrations SELECT 6, 'statuses', now64(6, 'UTC');

-- 0007_faults
-- Faults as they were raised and cleared. Append-only.
CREATE TABLE IF NOT EXISTS all_faults (
    `at`             DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`          UInt64 CODEC(Delta, ZSTD(1)),
    `frame_no`       UInt64 CODEC(Delta, ZSTD(1)),
    `item_no`        UInt32 CODEC(ZSTD(1)),
    `state`          Enum8('raised' = 1, 'cleared' = 2) CODEC(ZSTD(1)),
    `connection_id`  String CODEC(ZSTD(1)),
    `charge_point`   LowCardinality(String) CODEC(ZSTD(1)),
    `code`           String CODEC(ZSTD(1)),
    `vendor_id`      String CODEC(ZSTD(1)),
    `info`           String CODEC(ZSTD(1)),
    `transaction_id` String CODEC(ZSTD(1)),
    `vendor_codes`   Array(String) CODEC(ZSTD(1)),
    `severity`       Nullable(UInt8) CODEC(ZSTD(1)),
    `told_at`        Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    `told_text`      String CODEC(ZSTD(1)),
    `status`         LowCardinality(String) CODEC(ZSTD(1)),
    `component`      LowCardinality(String) CODEC(ZSTD(1)),
    `variable`       LowCardinality(String) CODEC(ZSTD(1)),
    `evse_id`        Nullable(UInt32) CODEC(ZSTD(1)),
    `connector_id`   Nullable(UInt32) CODEC(ZSTD(1)),
    `journal`        LowCardinality(String) CODEC(ZSTD(1)),
    `source`         LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_connection connection_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_transaction transaction_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, frame_no, item_no, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows.
CREATE VIEW IF NOT EXISTS faults AS SELECT * FROM all_faults WHERE source = '';

INSERT INTO migrations SELECT 7, 'faults', now64(6, 'UTC');

-- 0008_meter_values
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
) ENGINE = MergeTree
PARTITION BY toDate(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, frame_no, item_no, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows.
-- A JSON number in the base unit is stored once, as `value`.
CREATE VIEW IF NOT EXISTS meter_values AS
SELECT * REPLACE (if(told_value = '', ifNull(toString(value), ''), told_value) AS told_value)
FROM all_meter_values WHERE source = '';

INSERT INTO migrations SELECT 8, 'meter_values', now64(6, 'UTC');

-- 0009_authorizations
-- What the CSMS answered about id tokens. Append-only.
CREATE TABLE IF NOT EXISTS all_authorizations (
    `at`                 DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`              UInt64 CODEC(Delta, ZSTD(1)),
    `frame_no`           UInt64 CODEC(Delta, ZSTD(1)),
    `item_no`            UInt32 CODEC(ZSTD(1)),
    `connection_id`      String CODEC(ZSTD(1)),
    `charge_point`       LowCardinality(String) CODEC(ZSTD(1)),
    `id_token`           String CODEC(ZSTD(1)),
    `parent`             String CODEC(ZSTD(1)),
    `transaction_id`     String CODEC(ZSTD(1)),
    `expires_at`         Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `expires_text`       String CODEC(ZSTD(1)),
    `id_token_kind`      LowCardinality(String) CODEC(ZSTD(1)),
    `status`             LowCardinality(String) CODEC(ZSTD(1)),
    `action`             LowCardinality(String) CODEC(ZSTD(1)),
    `certificate_status` LowCardinality(String) CODEC(ZSTD(1)),
    `evse_id`            Nullable(UInt32) CODEC(ZSTD(1)),
    `connector_id`       Nullable(UInt32) CODEC(ZSTD(1)),
    `journal`            LowCardinality(String) CODEC(ZSTD(1)),
    `source`             LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_connection connection_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_transaction transaction_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, frame_no, item_no, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows.
CREATE VIEW IF NOT EXISTS authorizations AS SELECT * FROM all_authorizations WHERE source = '';

INSERT INTO migrations SELECT 9, 'authorizations', now64(6, 'UTC');

-- 0010_firmware
-- Firmware updates and log uploads: what was asked for, and how far it is. Append-only.
CREATE TABLE IF NOT EXISTS all_firmware (
    `at`            DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`         UInt64 CODEC(Delta, ZSTD(1)),
    `frame_no`      UInt64 CODEC(Delta, ZSTD(1)),
    `item_no`       UInt32 CODEC(ZSTD(1)),
    `event`         Enum8('update_requested' = 1, 'update_progress' = 2, 'publish_requested' = 3, 'publish_progress' = 4, 'log_requested' = 5, 'log_progress' = 6) CODEC(ZSTD(1)),
    `signed`        UInt8 CODEC(ZSTD(1)),
    `connection_id` String CODEC(ZSTD(1)),
    `charge_point`  LowCardinality(String) CODEC(ZSTD(1)),
    `location`      String CODEC(ZSTD(1)),
    `file_name`     String CODEC(ZSTD(1)),
    `request_id`    Nullable(Int64) CODEC(ZSTD(1)),
    `retrieve_at`   Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `retrieve_text` String CODEC(ZSTD(1)),
    `install_at`    Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `install_text`  String CODEC(ZSTD(1)),
    `status`        LowCardinality(String) CODEC(ZSTD(1)),
    `kind`          LowCardinality(String) CODEC(ZSTD(1)),
    `journal`       LowCardinality(String) CODEC(ZSTD(1)),
    `source`        LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_connection connection_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, frame_no, item_no, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows.
CREATE VIEW IF NOT EXISTS firmware AS SELECT * FROM all_firmware WHERE source = '';

INSERT INTO migrations SELECT 10, 'firmware', now64(6, 'UTC');

-- 0011_security_events
-- SecurityEventNotification. Append-only.
CREATE TABLE IF NOT EXISTS all_security_events (
    `at`            DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`         UInt64 CODEC(Delta, ZSTD(1)),
    `frame_no`      UInt64 CODEC(Delta, ZSTD(1)),
    `item_no`       UInt32 CODEC(ZSTD(1)),
    `critical`      UInt8 CODEC(ZSTD(1)),
    `connection_id` String CODEC(ZSTD(1)),
    `charge_point`  LowCardinality(String) CODEC(ZSTD(1)),
    `kind`          LowCardinality(String) CODEC(ZSTD(1)),
    `info`          String CODEC(ZSTD(1)),
    `told_at`       Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    `told_text`     String CODEC(ZSTD(1)),
    `journal`       LowCardinality(String) CODEC(ZSTD(1)),
    `source`        LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_connection connection_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, frame_no, item_no, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows.
CREATE VIEW IF NOT EXISTS security_events AS SELECT * FROM all_security_events WHERE source = '';

INSERT INTO migrations SELECT 11, 'security_events', now64(6, 'UTC');

-- 0012_transactions
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
) ENGINE = ReplacingMergeTree(batch)
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, key, source)
TTL if(source = '', toDateTime(last_at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows, newest version.
CREATE VIEW IF NOT EXISTS transactions AS SELECT * FROM all_transactions FINAL WHERE source = '';

INSERT INTO migrations SELECT 12, 'transactions', now64(6, 'UTC');

-- 0013_charge_points
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
) ENGINE = AggregatingMergeTree
ORDER BY (charge_point, source, journal)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800,
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

INSERT INTO migrations SELECT 13, 'charge_points', now64(6, 'UTC');

-- 0014_configuration
-- What is known of each configuration key of a charge point, and whether the CSMS changed it. No partition, no expiry.
-- Rows are partial: what a row does not say is NULL and changes nothing; the engine puts rows of one key together in
-- the order of their inserts. The recorder keeps none of this.
CREATE TABLE IF NOT EXISTS all_configuration (
    `first_at`      SimpleAggregateFunction(min, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    `last_at`       SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    `batch`         SimpleAggregateFunction(max, UInt64) CODEC(Delta, ZSTD(1)),
    `charge_point`  LowCardinality(String) CODEC(ZSTD(1)),
    `key`           String CODEC(ZSTD(1)),
    `value`         SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `mutability`    SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `told_at`       SimpleAggregateFunction(anyLast, Nullable(DateTime64(6, 'UTC'))) CODEC(Delta, ZSTD(1)),
    `changed_at`    SimpleAggregateFunction(anyLast, Nullable(DateTime64(6, 'UTC'))) CODEC(ZSTD(1)),
    `changed_by`    SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `change_status` SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `journal`       LowCardinality(String) CODEC(ZSTD(1)),
    `source`        LowCardinality(String) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
ORDER BY (charge_point, `key`, source, journal)
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows; of what several journals say of one key, the newest.
CREATE VIEW IF NOT EXISTS configuration AS
SELECT
    toDateTime64(min(known.first_at), 6, 'UTC') AS first_at,
    toDateTime64(max(known.last_at), 6, 'UTC') AS last_at,
    toUInt64(max(known.batch)) AS batch,
    known.charge_point AS charge_point,
    known.`key` AS `key`,
    argMax(known.value, greatest(ifNull(known.told_at, known.first_at), ifNull(known.changed_at, known.first_at))) AS value,
    argMax(known.mutability, known.last_at) AS mutability,
    argMax(known.told_at, known.told_at) AS told_at,
    argMax(known.changed_at, known.changed_at) AS changed_at,
    argMax(known.changed_by, known.changed_at) AS changed_by,
    argMax(known.change_status, known.last_at) AS change_status,
    toLowCardinality(argMax(known.journal, known.last_at)) AS journal,
    toLowCardinality(any(known.source)) AS source
FROM all_configuration AS known FINAL
WHERE known.source = ''
GROUP BY known.charge_point, known.`key`;

INSERT INTO migrations SELECT 14, 'configuration', now64(6, 'UTC');

-- 0015_fleet_minutes
-- The fleet's traffic per minute, without charge points (with them it has as many rows as `frames`: storage.md 7).
-- Numbers only, so that the view cannot throw: what a view throws is lost without a word. It begins with this migration.
CREATE TABLE IF NOT EXISTS all_fleet_minutes (
    `minute`         DateTime('UTC') CODEC(Delta, ZSTD(1)),
    `direction`      Enum8('from_charge_point' = 1, 'from_csms' = 2) CODEC(ZSTD(1)),
    `action`         LowCardinality(String) CODEC(ZSTD(1)),
    `message_type`   UInt8 CODEC(ZSTD(1)),
    `frames`         SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `bytes`          SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `calls`          SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `errors`         SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `unparseable`    SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `violations`     SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `latency_count`  SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `latency_sum_us` SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `latency_max_us` SimpleAggregateFunction(max, UInt32) CODEC(T64, ZSTD(1)),
    `latencies_us`   SimpleAggregateFunction(sumMap, Map(UInt64, UInt64)) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, action, message_type, direction)
TTL minute + INTERVAL 730 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- `latencies_us`: how many answers took so long, rounded to two digits (so at most 5 % off, and few keys).
CREATE MATERIALIZED VIEW IF NOT EXISTS fill_fleet_minutes TO all_fleet_minutes AS
WITH
    assumeNotNull(latency_us) AS took,
    multiIf(took < 100, 1, took < 1000, 10, took < 10000, 100, took < 100000, 1000, took < 1000000, 10000,
        took < 10000000, 100000, took < 100000000, 1000000, took < 1000000000, 10000000, 100000000) AS step
SELECT
    toStartOfMinute(at) AS minute,
    direction,
    action,
    message_type,
    countIf(kind = 'frame' OR (kind = 'part' AND header != '')) AS frames,
    sum(length(header) + length(payload) + if(masked = 1 AND header != '', 4, 0)) AS bytes,
    countIf(message_type = 2) AS calls,
    countIf(message_type IN (4, 5)) AS errors,
    countIf(verdict = 'unparseable') AS unparseable,
    countIf(verdict = 'violation') AS violations,
    count(latency_us) AS latency_count,
    sumIf(took, isNotNull(latency_us)) AS latency_sum_us,
    maxIf(took, isNotNull(latency_us)) AS latency_max_us,
    sumMapIf(map(toUInt64(intDiv(took + intDiv(step, 2), step) * step), toUInt64(1)), isNotNull(latency_us))
        AS latencies_us
FROM all_frames
WHERE source = ''
GROUP BY minute, direction, action, message_type;

-- What users read. Percentiles of any stretch: quantileExactWeighted(0.95)(took.1, took.2) ... ARRAY JOIN
-- CAST(latencies_us, 'Array(Tuple(UInt64, UInt64))') AS took
CREATE VIEW IF NOT EXISTS fleet_minutes AS
SELECT
    known.minute AS minute,
    known.direction AS direction,
    known.action AS action,
    known.message_type AS message_type,
    sum(known.frames) AS frames,
    sum(known.bytes) AS bytes,
    sum(known.calls) AS calls,
    sum(known.errors) AS errors,
    sum(known.unparseable) AS unparseable,
    sum(known.violations) AS violations,
    sum(known.latency_count) AS latency_count,
    sum(known.latency_sum_us) AS latency_sum_us,
    toUInt32(max(known.latency_max_us)) AS latency_max_us,
    sumMap(known.latencies_us) AS latencies_us
FROM all_fleet_minutes AS known
GROUP BY known.minute, known.direction, known.action, known.message_type;

INSERT INTO migrations SELECT 15, 'fleet_minutes', now64(6, 'UTC');

-- 0016_charge_point_hours
-- Each charge point's traffic per hour. Numbers only, so that the view cannot throw. It begins with this migration.
CREATE TABLE IF NOT EXISTS all_charge_point_hours (
    `hour`                     DateTime('UTC') CODEC(Delta, ZSTD(1)),
    `charge_point`             LowCardinality(String) CODEC(ZSTD(1)),
    `frames_from_charge_point` SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `frames_from_csms`         SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `bytes_from_charge_point`  SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `bytes_from_csms`          SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `calls`                    SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `answers`                  SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `errors`                   SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `unparseable`              SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `violations`               SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `first_at`                 SimpleAggregateFunction(min, DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `last_at`                  SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (charge_point, hour)
TTL hour + INTERVAL 730 DAY
SETTINGS non_replicated_deduplication_window = 10000, replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- `answers`: replies that were joined to their call.
CREATE MATERIALIZED VIEW IF NOT EXISTS fill_charge_point_hours TO all_charge_point_hours AS
WITH
    toUInt64(kind = 'frame' OR (kind = 'part' AND header != '')) AS whole,
    length(header) + length(payload) + if(masked = 1 AND header != '', 4, 0) AS size
SELECT
    toStartOfHour(at) AS hour,
    charge_point,
    sumIf(whole, direction = 'from_charge_point') AS frames_from_charge_point,
    sumIf(whole, direction = 'from_csms') AS frames_from_csms,
    sumIf(size, direction = 'from_charge_point') AS bytes_from_charge_point,
    sumIf(size, direction = 'from_csms') AS bytes_from_csms,
    countIf(message_type = 2) AS calls,
    count(latency_us) AS answers,
    countIf(message_type IN (4, 5)) AS errors,
    countIf(verdict = 'unparseable') AS unparseable,
    countIf(verdict = 'violation') AS violations,
    min(at) AS first_at,
    max(at) AS last_at
FROM all_frames
WHERE source = ''
GROUP BY hour, charge_point;

-- What users read.
CREATE VIEW IF NOT EXISTS charge_point_hours AS
SELECT
    known.hour AS hour,
    known.charge_point AS charge_point,
    sum(known.frames_from_charge_point) AS frames_from_charge_point,
    sum(known.frames_from_csms) AS frames_from_csms,
    sum(known.bytes_from_charge_point) AS bytes_from_charge_point,
    sum(known.bytes_from_csms) AS bytes_from_csms,
    sum(known.calls) AS calls,
    sum(known.answers) AS answers,
    sum(known.errors) AS errors,
    sum(known.unparseable) AS unparseable,
    sum(known.violations) AS violations,
    toDateTime64(min(known.first_at), 6, 'UTC') AS first_at,
    toDateTime64(max(known.last_at), 6, 'UTC') AS last_at
FROM all_charge_point_hours AS known
GROUP BY known.hour, known.charge_point;

INSERT INTO migrations SELECT 16, 'charge_point_hours', now64(6, 'UTC');

-- 0017_messages
-- One row per CALL or SEND with its answer. Ask for a charge point, better for a connection of it: both sides of the
-- join are then read by key.
CREATE VIEW IF NOT EXISTS messages AS
SELECT
    asked.at AS at,
    asked.charge_point AS charge_point,
    asked.connection_id AS connection_id,
    asked.direction AS direction,
    asked.action AS action,
    asked.message_id AS message_id,
    asked.said AS request,
    answered.said AS answer,
    answered.message_type AS answer_type,
    if(answered.message_type = 4, JSONExtractString(answered.said, 3), '') AS error_code,
    answered.latency_us AS latency_us,
    asked.verdict AS verdict,
    answered.verdict AS answer_verdict,
    asked.frame_no AS frame_no,
    answered.frame_no AS answer_frame_no
FROM (
    SELECT at, charge_point, connection_id, direction, action, message_id, verdict, frame_no,
        if(text != '', text, payload) AS said
    FROM all_frames
    WHERE source = '' AND message_type IN (2, 6)
) AS asked
LEFT ANY JOIN (
    SELECT charge_point, connection_id, answers, message_type, latency_us, verdict, frame_no,
        if(text != '', text, payload) AS said
    FROM all_frames
    WHERE source = '' AND answers != 0 AND message_type IN (3, 4)
) AS answered
ON answered.charge_point = asked.charge_point
    AND answered.connection_id = asked.connection_id
    AND answered.answers = asked.frame_no;

INSERT INTO migrations SELECT 17, 'messages', now64(6, 'UTC');

-- 0018_kept_for_uptime
-- A year's uptime (23 CFR 680.116(b)) needs thirteen months of what it is counted from; these tables are small.
ALTER TABLE all_connections MODIFY TTL if(source = '', toDateTime(last_at) + INTERVAL 400 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'));

ALTER TABLE all_gaps MODIFY TTL if(source = '', toDateTime(at) + INTERVAL 400 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'));

ALTER TABLE all_statuses MODIFY TTL if(source = '', toDateTime(at) + INTERVAL 400 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'));

ALTER TABLE all_findings MODIFY TTL if(source = '', toDateTime(last_at) + INTERVAL 400 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'));

INSERT INTO migrations SELECT 18, 'kept_for_uptime', now64(6, 'UTC');

-- 0019_imports
-- What an imported session was called where it was recorded; '' of a live one.
ALTER TABLE all_connections
    ADD COLUMN IF NOT EXISTS `source_connection_id` String CODEC(ZSTD(1)) AFTER `last_link_from_csms`;

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW connections AS
SELECT * REPLACE (
    lower(hex(last_link_from_charge_point)) AS last_link_from_charge_point,
    lower(hex(last_link_from_csms)) AS last_link_from_csms)
FROM all_connections FINAL WHERE source = '';

-- Each file that `ocpptap import` took: a row when it began, another when all of it was in. No rows of traffic.
CREATE TABLE IF NOT EXISTS imports (
    `source`     String CODEC(ZSTD(1)),
    `name`       String CODEC(ZSTD(1)),
    `version`    String CODEC(ZSTD(1)),
    `began_at`   DateTime64(6, 'UTC') CODEC(ZSTD(1)),
    `ended_at`   Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `sessions`   UInt64 CODEC(ZSTD(1)),
    `rows`       UInt64 CODEC(ZSTD(1)),
    `unreadable` UInt64 CODEC(ZSTD(1))
) ENGINE = MergeTree
ORDER BY (source, began_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

INSERT INTO migrations SELECT 19, 'imports', now64(6, 'UTC');

-- 0020_erasures
-- Each `ocpptap erase`: a row when it began (with what was found), another when all of it was gone. Append-only.
-- `subject`: the charge point, or a digest of the id tag under <data>/key: the tag itself stands nowhere here.
CREATE TABLE IF NOT EXISTS erasures (
    `erasure_id` String CODEC(ZSTD(1)),
    `what`       LowCardinality(String) CODEC(ZSTD(1)),
    `subject`    String CODEC(ZSTD(1)),
    `version`    String CODEC(ZSTD(1)),
    `user`       String CODEC(ZSTD(1)),
    `began_at`   DateTime64(6, 'UTC') CODEC(ZSTD(1)),
    `ended_at`   Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `sessions`   UInt64 CODEC(ZSTD(1)),
    `rows`       Array(Tuple(String, UInt64)) CODEC(ZSTD(1))
) ENGINE = MergeTree
ORDER BY (erasure_id, began_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

INSERT INTO migrations SELECT 20, 'erasures', now64(6, 'UTC');

