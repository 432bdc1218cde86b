"""Survey deliveries at the edge: read part by part, checked, reported, sampled."""
