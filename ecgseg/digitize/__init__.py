"""Page → Recording: read, measure the grid, flatten, locate the strips, trace, assemble."""
