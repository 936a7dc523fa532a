"""Backup archives: which files lie in the watched directories, and which of them are whole.

``scan`` looks (never opens), ``queue`` holds what waits for verification, ``check`` is the child that verifies one open descriptor,
``collector`` joins the two. Nothing is imported here: the children start with this package and must stay small.
"""
