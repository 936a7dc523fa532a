"""One world shared by all fakes, and the real program running in it."""
