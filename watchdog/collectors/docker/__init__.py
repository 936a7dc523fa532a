"""What is true about containers: one list per cycle, one inspect per change, one event stream, and the cgroup files.

``build`` (in assembly) puts the parts together; the Docker gate stands in gate, the counting of OOM kills in oom.
"""
