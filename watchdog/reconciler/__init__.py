"""Confirm, plan, guard, act, verify."""
