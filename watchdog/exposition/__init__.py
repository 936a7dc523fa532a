"""Metric families and pre-rendered bytes."""
