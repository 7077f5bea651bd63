"""Many files: read by several processes or machines, with an index, and resumed where they were stopped."""
