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
) ENGINE = {engine:MergeTree}
ORDER BY (erasure_id, began_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;
