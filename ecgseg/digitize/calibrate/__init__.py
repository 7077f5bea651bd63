"""Paper speed, gain and scale: from texts, pulses and the file."""
