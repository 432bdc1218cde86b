"""Who owns which space: code profiles, divisions, unit grids, areas and departments."""
