"""The web room: /metrics, health, the JSON API and the control socket."""
