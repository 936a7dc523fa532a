"""What leaves the house for people: notifications, the heartbeat, and silences in Alertmanager.

A letter is written in the ledger's transaction of what it tells (``ledger/outbox``); ``telling`` decides who hears of it, ``words`` what it
says, ``pacing`` when, ``channels`` brings it there. Apprise is imported by ``apprise_child`` alone, in a process of its own per message.
"""
