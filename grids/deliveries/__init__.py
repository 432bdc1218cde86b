"""Deliveries against the state they were begun from: what they change, what was changed here, where both did."""
