"""From nothing to a watched server: ``init`` finds the container, a person fills in address and password, ``run`` takes the file."""

from __future__ import annotations

import pytest

from tests.support.duplicati_program import Household
from tests.support.program import run_program
from watchdog import settings
from watchdog.cli import main
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.runtime import yaml

pytestmark = pytest.mark.timeout(400)


def test_what_init_writes_is_run_with_no_more_than_address_and_password(capsys: pytest.CaptureFixture[str]) -> None:
    with Household("2.3.0.4") as home:
        engine = FakeEngineWorld()
        with FakeEngine(engine, home.folder / "d.sock"):
            engine.run("nas", "lscr.io/linuxserver/duplicati:2.3.0")
            config = home.folder / "config.yaml"
            assert main(["init", "--output", str(config), "--docker", f"unix://{home.folder}/d.sock", "--no-ask"]) == 0
            said = capsys.readouterr().out
            assert "found duplicati: Duplicati: container nas" in said
            assert "Access to user interface" in said, "where the password comes from"
            written = config.read_text(encoding="utf-8")
            assert "mode: observe" in written
            document = yaml.parse(written, "written").value
            (target,) = document["panels"]["duplicati"]
            target |= {"url": home.server.url, "password_file": str(home.secret)}
            document.setdefault("server", {})["listen"] = "127.0.0.1:0"
            document["panels"] = {"duplicati": [target]}  # whatever else runs on this host is found, too
            document["ledger"] = {"url": f"sqlite:///{home.folder}/ledger.sqlite3", "ephemeral": True}
            config.write_text(yaml.dump(document), encoding="utf-8")
            assert [name for name, _ in settings.load(config, {}).targets()] == ["duplicati"]
            with run_program(config, home.folder / "log") as running:
                running.wait_for("a look", lambda: running.target("nas")["up"])
                running.wait_for("its release on the page", lambda: 'family="newest"' in running.metrics())
                assert not running.errors()
        assert [asked for asked in home.server.seen if asked.method != "GET" and asked.path != "/api/v1/auth/login"] == []
