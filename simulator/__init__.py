"""One world, and journeys through it."""
