"""What is TRUE, shared by all panels. One folder a collector; each owns its settings, its facts and its metrics table."""
