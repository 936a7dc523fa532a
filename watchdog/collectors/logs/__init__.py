"""Watched logs: files and container logs, read in bounded steps; lines that match a panel's pattern become evidence."""
