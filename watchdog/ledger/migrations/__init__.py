"""How the tables came to be. One module per step in ``versions``, numbered; the newest number is ``schema.HEAD``."""
