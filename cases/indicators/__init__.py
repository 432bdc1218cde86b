"""Indicators of performance as data: named formulas over the sums of statistics."""
