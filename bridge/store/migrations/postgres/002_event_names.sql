-- Event types that were sent to a destination whose vendor counts them, by the name that the vendor tells them apart by.
CREATE TABLE event_names (
    destination TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    first_ms    BIGINT NOT NULL,
    PRIMARY KEY (destination, name)
);
