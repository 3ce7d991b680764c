-- What one user's commands under load left behind: ids of receipts and readings, events in order.
SELECT
  ARRAY(SELECT r."commandId" FROM hub."CommandReceipt" r
        WHERE r."sessionId" = $1 AND r."userId" = $2
          AND r.name IN ('session.pause', 'session.resume', 'emotions.record')) AS receipts,
  ARRAY(SELECT e.seq || ' ' || e.name FROM hub."SessionEvent" e
        WHERE e."sessionId" = $1 AND e."userId" = $2 ORDER BY e.seq) AS events,
  ARRAY(SELECT r.id FROM "EmotionalReading" r JOIN "UserVessel" v ON v.id = r."vesselId"
        WHERE v."sessionId" = $1 AND v."userId" = $2) AS readings
