"""The product, in processes of its own like the peers: each module answers the same questions by the same protocol."""
