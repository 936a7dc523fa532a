"""WGDashboard: a panel for WireGuard whose display hangs on one thread that nobody supervises."""
