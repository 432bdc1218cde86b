"""The edge: HTTP, the command line and the settings; the only place where the parts are put together."""
