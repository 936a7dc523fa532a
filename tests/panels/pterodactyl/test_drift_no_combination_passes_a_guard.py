"""The guards of contract 3.5 said a second time, in other words, and held to every combination of what a look may show."""

from dataclasses import replace
from itertools import product

from tests.support.pterodactyl_looks import HOUR, PAPER, START, STUCK, archive, looks, record, story
from watchdog.panels.pterodactyl.traces import Kept
from watchdog.panels.pterodactyl.view import Callback

CREATED = START - 2 * HOUR
WRITTEN = CREATED + 600
NODE = (7, int(STUCK[:6], 16))
STORIES = {
    "none": None,
    "began": {},
    "generated": {"generated": 1},
    "gave_up": {"generated": 1, "notify_failed": 40},
    "interrupted": {"interrupted": 45},
    "failed": {"generate_failed": 1, "failure_unheard": 40},
}
"""What the log says, in seconds after the last change of the archive."""
FILES = ("good", "bad", "unverified", "gone", "held", "fresh", "shaking")
PROCESSES = ("sighted", "open", "hidden", "none", "restarted", "settling")
WAYS = (("healthy", "1.11.8"), ("broken_by_1_11_6", "1.11.6"), ("unknown", ""), ("healthy", "1.11.6"))


WELL = looks()


def made(file, process, told, network, nameless, way):
    found = WELL.copied()
    found.add(record(created=CREATED))
    name = f"/held/{STUCK}.tar.gz"
    written = START - 60 if file == "fresh" else WRITTEN
    lying = archive(written=written, verdict={"bad": "bad", "unverified": None}.get(file, "good"))
    if file == "held":
        found.see(kept=(Kept(STUCK, name, lying.identity, WRITTEN, 1),))
    elif file != "gone":
        found.put(lying)
    if STORIES[told] is not None:
        found.stories[STUCK] = story(began=CREATED, **{word: written + after for word, after in STORIES[told].items()})
    if process == "none":
        found.see(process=None, process_error="not in sight")
    else:
        found.process(
            sighted=process != "hidden",
            why="hidden" if process == "hidden" else "",
            open=frozenset({NODE} if process == "open" else ()),
            began={"restarted": WRITTEN + 300, "settling": START + 100}.get(process, START - 9 * 24 * HOUR),
        )
    if network:
        found.see(filesystem_kind="nfs4", filesystem_local=False)
    if nameless:
        found.log = replace(found.log, unnamed_failures=((PAPER, WRITTEN + 40),))
    found.callback, found.version = Callback(way[0]), way[1]
    if file == "shaking":
        found.files = {path: replace(each, stable=STUCK not in path) for path, each in found.files.items()}
    return found


def wings_is_done(file, process, told, network, nameless):
    """Guard 4 in other words: the work died, or the log ends it, or nobody has it open before eyes that see, for long enough."""
    died = process in ("restarted", "settling") and not network
    if file == "gone":
        died = died and WRITTEN + 300 > CREATED + 300
    said = told in ("gave_up", "interrupted", "failed")
    seeing = process == "sighted" or (file == "gone" and process == "open")  # what is open is then another file
    calm = seeing and not network and (not nameless or file in ("gone", "held")) and file != "fresh"
    return died or said or calm


def test_no_combination_completes_or_fails_against_a_guard():
    seen = set()
    for combination in product(FILES, PROCESSES, STORIES, (False, True), (False, True), WAYS):
        file, process, told, network, nameless, way = combination
        if (way != WAYS[0]) + network + nameless + (file in ("unverified", "shaking", "fresh")) > 1:
            continue
        if way != WAYS[0] and process not in ("sighted", "restarted"):
            continue
        found = made(*combination)
        found.look(10)
        drift = next((each for each in found.look(100).drifts if each.subject.id == STUCK), None)
        if drift is None:
            assert process == "open" or file in ("fresh", "shaking"), combination
            continue
        proposal = drift.proposal
        if proposal is None:
            assert drift.hold, combination
            continue
        seen.add(proposal.remedy)
        assert way == WAYS[0], combination
        assert process != "settling", combination
        assert wings_is_done(file, process, told, network, nameless), combination
        if proposal.remedy == "complete_backup":
            assert file in ("good", "held") or (file == "fresh" and told in ("gave_up", "interrupted")), combination
            assert told != "failed", combination
            assert proposal.facts["proof"] == ("log" if told in ("generated", "gave_up") else "structure"), combination
        else:
            assert proposal.remedy == "fail_backup", combination
            reason = proposal.parameters["reason"]
            assert reason != "absent" or (file == "gone" and not network), combination
            assert reason != "corrupt" or file == "bad", combination
            assert reason != "log_failed" or told == "failed", combination
            assert reason != "unproven" or (file in ("good", "fresh") and told == "interrupted"), combination
            assert file not in ("unverified", "shaking"), combination
            assert file != "fresh" or told in ("interrupted", "failed"), combination
    assert seen == {"complete_backup", "fail_backup"}
