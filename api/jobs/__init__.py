"""Durable jobs: imports, exports, checks and whatever else takes longer than a request.

A job is a row in the log and a folder. It survives a restart, is run by one worker at a time, and has its effect once
at most. `registry` lists the kinds; a new kind is a module like `exporting` and a line there.
"""
