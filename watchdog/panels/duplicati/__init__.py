"""Duplicati: backups whose pause is forgotten."""
