"""Rasters: GeoTIFFs checked and kept as cloud-optimised ones, values at points, statistics of zones, density surfaces.

A file that somebody delivers is opened by GDAL in a child process alone (`workshop` starts it, `worker` is it), after
its directory was read by our own few lines (`tiff`). What the server itself opens was written, or read to the last
block, by that child. No other format than TIFF is opened anywhere, and no file beside the one meant.
"""
