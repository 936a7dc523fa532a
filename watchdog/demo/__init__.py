"""One world shared by all fakes, and the real program running in it.

``world`` builds it in a scratch folder, ``tunnels`` are its WireGuard peers and who is behind them, ``script`` breaks it, ``show`` draws
what the program found, mended and proved; ``hook`` is the command by which the program restarts the demo's daemon. Everything between is
the real program on a real configuration.
"""
