"""The ground the house stands on: each module is the one room of one outside thing (time, scheduler, HTTP, engine, children, logs)."""
