"""Tests of deliveries against their base."""
