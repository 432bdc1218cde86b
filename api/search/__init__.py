"""Search: what people type, found among coordinates, codes and names; and places told by the names of the city."""
