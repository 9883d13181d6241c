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
