"""Frozen values and protocols shared by all rooms. Pure: no I/O, and nothing of ours is imported from outside model."""
