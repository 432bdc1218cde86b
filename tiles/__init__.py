"""Vector tiles of layers held as arrays: matrix, encoding, styles, cache. Knows no unit, no HTTP and no database."""
