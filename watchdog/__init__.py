"""panel-watchdog: what is true, what a panel believes, and the mending of the difference.

A map of the house, from the cellar up. A room imports only rooms below it (pyproject's import contracts hold that):

- ``model``       frozen values and protocols: snapshots, drifts, repairs, places. Imports nothing of ours.
- ``errors``      the exception tree: Temporary, Permanent, Unknown.
- ``runtime``     clock, schedule, supervision, http, engine, child, log: each the one room of one third-party library.
- ``snapshots``   SnapshotStore: replaced whole, never mutated.
- ``ledger``      the only SQLAlchemy: drift episodes, repairs, approvals, leases, holdings, counters that outlive things.
- ``collectors``  what is TRUE, shared by all panels: docker, wireguard, archives, logs, host.
- ``panels``      what is BELIEVED and how to mend it: one folder per panel, the folder is the registration.
- ``settings``    one YAML file, environment, ``*_file`` secrets; an unknown key is an error that names the key.
- ``exposition``  metric families and pre-rendered bytes.
- ``reconciler``  confirm, plan, guard, act, verify.
- ``notify``      what leaves for people: notifications, the heartbeat, silences in Alertmanager.
- ``web``         /metrics, health, the JSON API and the control socket.
- ``app``         the only place that builds things and wires them.
- ``demo``        one world shared by all fakes; the only production importer of fakes.
- ``cli``         the ``panel-watchdog`` command.
"""

__version__ = "0.1.0"
