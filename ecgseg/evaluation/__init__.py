"""How well pages are read: pages drawn over a grid of conditions, measured against their truth, as tables."""
