-- A year's uptime (23 CFR 680.116(b)) needs thirteen months of what it is counted from; these tables are small.
ALTER TABLE all_connections MODIFY TTL if(source = '', toDateTime(last_at) + INTERVAL 400 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'));
ALTER TABLE all_gaps MODIFY TTL if(source = '', toDateTime(at) + INTERVAL 400 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'));
ALTER TABLE all_statuses MODIFY TTL if(source = '', toDateTime(at) + INTERVAL 400 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'));
ALTER TABLE all_findings MODIFY TTL if(source = '', toDateTime(last_at) + INTERVAL 400 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'));
