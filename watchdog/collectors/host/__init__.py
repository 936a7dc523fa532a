"""The host itself: free space of the file systems that matter, memory, pressure, OOM kills, boot time.

Nothing is imported here: the child that asks a file system which may hang starts with this package.
"""
