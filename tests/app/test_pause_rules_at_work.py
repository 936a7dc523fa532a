"""Windows and pressure in the running program: what the configuration says pauses at once, and a reload without it resumes."""

from __future__ import annotations

import pytest

from tests.support.small_world import program_in, rewrite, samples, scrape, small_world, wait_until

pytestmark = pytest.mark.timeout(600)


def test_rules_pause_what_they_name_and_a_reload_without_them_resumes():
    always = {"name": "always", "targets": ["g*"], "cron": "* * * * *", "for": "1h", "zone": "UTC"}
    # no disk has that much: the host collector looks at a path that only this rule wants watched
    full = {"name": "full", "targets": ["games"], "when": {"free_bytes": "/tmp", "below": "9000TiB", "above": "9001TiB"}}
    with small_world() as world:
        rewrite(world.config, lambda document: document.update(pauses={"windows": [always], "pressure": [full]}))
        with program_in(world) as program:
            wait_until(lambda: {each.source for each in program.pauses.pauses("games")} == {"window", "pressure"}, "both pauses")
            assert {each.by for each in program.pauses.pauses("games")} == {"always", "full"}
            found = wait_until(
                lambda: (
                    (page := samples(scrape(program)[1])).get('watchdog_pause_rule_active{rule="full",source="pressure"}') == 1.0 and page
                ),
                "an active rule",
            )
            assert found['watchdog_pause_rule_readable{rule="full"}'] == 1.0
            assert found['watchdog_pause_rule_active{rule="always",source="window"}'] == 1.0
            assert found['watchdog_pause_active{panel="mcsmanager",source="window",target="games"}'] == 1.0
            rewrite(world.config, lambda document: document.pop("pauses"))
            program.reload()
            wait_until(lambda: not program.pauses.pauses("games"), "the end of both")
            past = program.pauses.pauses("games", ended=True)
            assert {each.ended_by for each in past} == {"its rule"}
            assert not any("watchdog_pause_rule" in name for name in samples(scrape(program)[1]))
