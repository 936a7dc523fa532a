"""The ``panel-watchdog`` command."""
