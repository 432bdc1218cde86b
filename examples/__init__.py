"""Things to try the system with; nothing in the product imports them."""
