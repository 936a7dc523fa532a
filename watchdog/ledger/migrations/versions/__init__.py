"""The steps, each adding to the one before."""
