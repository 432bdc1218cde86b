"""The component inventory and the catalogue of classes."""
