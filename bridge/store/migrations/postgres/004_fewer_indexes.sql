-- Whoever claims a delivery enters it into every index that it is in: one of open deliveries by state does for both.
DROP INDEX deliveries_claimed;
DROP INDEX deliveries_open;
CREATE INDEX deliveries_open ON deliveries (state, destination, created_ms) WHERE is_open = 1;
