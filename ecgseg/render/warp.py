"""How a sheet lies and is seen: the exact map from mm on the page to pixels of the picture, and its inverse."""

# name → f(rng, **ranges); see sample_warp
EFFECTS: dict = {}
