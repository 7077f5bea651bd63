"""Flat page → what stands where: rows, lead names, layout."""
