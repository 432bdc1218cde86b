"""Survey deliveries: what a firm brings back from the field, looked at before it is taken over."""
