"""Routes, one module for each concern."""
