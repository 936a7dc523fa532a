"""Pterodactyl: stuck backups completed or failed with proof, nodes and servers reconciled. Contract: pterodactyl.md."""
