"""Webhooks: decisions told to other systems as they are made, signed, in order, until they have them."""
