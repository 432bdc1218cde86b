"""An exact index of cells: which polygons hold a point, at the speed of memory.

`layout` says how it lies in memory or in a file, `records` how a cell's line is read and how sure that is,
`predicates` decides what is not sure; `frames`, `edges`, `blocks` and `build` make it, `lookup` asks it.
"""
