"""The HTTP edge itself: bodies, streams, failures and pages, whatever they are about."""
