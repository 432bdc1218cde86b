"""What cases and components come to: facts as columns, summed by any of the keys they have."""
