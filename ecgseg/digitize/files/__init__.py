"""Files → pictures: what may be read, and how."""
