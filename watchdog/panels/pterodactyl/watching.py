"""The archive of one repair under two names: linked before anything is said, watched after it, let go of when it has stayed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchdog.errors import NotFound, Refused, Temporary, Unknown
from watchdog.model.approvals import Holding
from watchdog.model.archives import Identity
from watchdog.model.repairs import Outcome
from watchdog.panels.pterodactyl.hands import AGAIN, Hands
from watchdog.panels.pterodactyl.linking import UNDO, WHAT, holding_parameters
from watchdog.panels.pterodactyl.refusing import Reads
from watchdog.panels.pterodactyl.replying import WAIT
from watchdog.panels.pterodactyl.sends import link_line

LONGEST_WATCH: Final = 900.0


@dataclass(slots=True)
class Kept:
    """The archive that this run keeps: what it is, and the holding that says so."""

    identity: Identity
    holding: Holding


def hold(hands: Hands, identity: Identity) -> Holding:
    """Write down that a link is held, before it is made."""
    link, expires = hands.shelf.link(hands.backup), hands.now + hands.settings.guard.max_age
    holding = hands.act.hold(WHAT, hands.repair.proposal.object, UNDO, holding_parameters(link, hands.path, identity), expires)
    hands.act.step("held")
    return holding


def keep(hands: Hands, identity: Identity, reads: Reads) -> Kept:
    """Give the archive its second name, the record of it first; in case J it has only that one. Raises NotFound when it has just gone."""
    holding = hold(hands, identity)
    if reads.file is not None:
        try:
            hands.shelf.keep(hands.backup, hands.path, identity)
        except NotFound:
            if hands.at(hands.shelf.link(hands.backup)) is None:
                hands.act.release(holding.id)
            raise
        if reads.kept is None:
            hands.sent.append(link_line(str(hands.path), str(hands.shelf.link(hands.backup))))
    hands.act.step("linked")
    return Kept(identity, holding)


def put_back(hands: Hands) -> None:
    """Give the archive its own name again."""
    link = hands.shelf.link(hands.backup)
    hands.act.fence()
    hands.sent.append(link_line(str(link), str(hands.path)))
    hands.shelf.put_back(link, hands.path)
    hands.act.step("put back")


def watched(hands: Hands, kept: Kept) -> Outcome:
    """Watch that the archive stays (Wings, told 400, deletes it); put it back if it goes, unless its record goes as well."""
    link, calm, spent, returned = hands.shelf.link(hands.backup), 0.0, 0.0, 0
    while calm < hands.settings.guard.watch:
        if spent >= LONGEST_WATCH:
            return hands.later(WAIT, f"the archive was put back {returned} times and does not stay; a link keeps it")
        hands.act.sleep(AGAIN)
        calm, spent = calm + AGAIN, spent + AGAIN
        if _in_place(hands, kept):
            continue
        hands.act.sleep(AGAIN)  # the panel lets Wings delete an archive before it deletes the record
        if _deleted(hands):
            # one answer may be a proxy's: the last name stays until the loop that looks after links has seen it gone twice
            return hands.done("somebody deleted the backup after it was completed; a link keeps the archive until that is certain")
        hands.shelf.put_back(link, hands.path)
        hands.act.step("put back")
        calm, returned = 0.0, returned + 1
    hands.act.step("watched")
    again = f"; it was deleted and put back {returned} times" if returned else ""
    return let_go(hands, kept, hands.done(f"the panel has it as complete, and its archive has stayed{again}"))


def let_go(hands: Hands, kept: Kept, outcome: Outcome) -> Outcome:
    """Let go of the link where its original is in its place; a last name is kept, and the record of it stays."""
    if hands.settings.guard.enabled and outcome.end != "done":
        return outcome  # the continuous guard's own
    try:
        hands.shelf.drop(hands.backup, hands.path)
    except Refused:
        return outcome
    hands.act.step("let go")
    hands.act.release(kept.holding.id)
    return outcome


def _in_place(hands: Hands, kept: Kept) -> bool:
    """Whether what is at the archive's path is the archive. Another file there is not touched: putting ours back finds it."""
    found = hands.at(hands.path)
    return found is not None and (found.device, found.inode) == (kept.identity.device, kept.identity.inode)


def _deleted(hands: Hands) -> bool:
    """Whether the panel has no such record any more; not known = no."""
    try:
        hands.client.record(hands.server, hands.backup)
    except NotFound:
        return True
    except (Temporary, Unknown, Refused):
        return False
    return False
