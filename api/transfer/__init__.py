"""Files in and out: imports as they are checked and compared, exports as they are dressed."""
