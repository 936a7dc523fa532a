"""One YAML file: every problem at once, each with its key and line; environment overrides; unknown keys are errors."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from watchdog import settings
from watchdog.errors import BadSettings
from watchdog.runtime import yaml

GOOD = """
host: alpha
panels:
  mcsmanager:
    - name: games
      url: http://127.0.0.1:23333
      api_key_file: /etc/panel-watchdog/key
"""


def parse(text: str, **environment: str) -> settings.SettingsBase:
    return settings.parse(text, "c.yaml", environment)


def problems(text: str, **environment: str) -> dict[str, tuple[int | None, str]]:
    with pytest.raises(settings.ManyBadSettings) as raised:
        parse(text, **environment)
    return {problem.key: (problem.line, problem.message) for problem in raised.value.problems}


def test_an_empty_file_is_the_defaults():
    assert parse("").targets() == ()
    assert parse("").server.listen == "127.0.0.1:9877"


def test_a_target_stands_under_its_panel():
    [(panel, target)] = parse(GOOD).targets()

    assert (panel, target.name, target.mode.value) == ("mcsmanager", "games", "approve")


def test_all_problems_come_at_once_with_key_and_line():
    found = problems(
        "server:\n  listn: x\n  listen: nowhere\ncollectors:\n  docker: {interval: 15}\npanels:\n  mcsmanager:\n    - name: a\n"
    )

    assert found["server.listn"] == (2, "unknown key; did you mean 'listen'?")
    assert found["server.listen"][0] == 3
    assert found["collectors.docker.interval"][0] == 5
    assert "15s" in found["collectors.docker.interval"][1]
    assert found["panels.mcsmanager[0].url"][0] == 8
    assert found["panels.mcsmanager[0].api_key_file"][0] == 8


WINDOW = """
panels:
  sysreptor:
    - name: reports
      backups: {{path: /backups}}
      run:
        window: {}
"""


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("{cron: never}", {".cron": "'never' is no cron expression"}),
        ("{cron: never, zonee: UTC}", {".cron": "no cron expression", ".zonee": "unknown key; did you mean 'zone'?"}),
        ("{zone: Mars/Olympus}", {".zone": "there is no time zone 'Mars/Olympus'"}),
        ("{zone: ''}", {".zone": "there is no time zone ''"}),
        ("sometimes", {"": "a mapping of keys belongs here; or: Input should be 'always'"}),
    ],
)
def test_where_one_of_several_things_may_stand_the_key_is_what_was_written(window, expected):
    """Pydantic puts in which of them it tried, and a problem for each."""
    found = problems(WINDOW.format(window))

    assert {key.removeprefix("panels.sysreptor[0].run.window") for key in found} == set(expected)
    for key, text in expected.items():
        line, message = found[f"panels.sysreptor[0].run.window{key}"]
        assert line == 7
        assert text in message


def test_an_unknown_panel_is_named():
    assert "panels.pterodctyl" in problems("panels:\n  pterodctyl: []\n")


def test_two_targets_of_one_name_are_refused():
    text = GOOD + "    - name: games\n      url: http://127.0.0.1:1\n      api_key_file: /k\n"

    [(_, message)] = problems(text).values()

    assert "games" in message
    assert "unique" in message


@pytest.mark.parametrize(
    ("name", "value", "got"),
    [
        ("PANEL_WATCHDOG__SERVER__LISTEN", "127.0.0.1:1", lambda s: s.server.listen == "127.0.0.1:1"),
        ("PANEL_WATCHDOG__PANELS__MCSMANAGER__0__MODE", "observe", lambda s: s.targets()[0][1].mode.value == "observe"),
        ("PANEL_WATCHDOG__COLLECTORS__DOCKER__INTERVAL", "30s", lambda s: s.collectors.docker.interval == 30.0),
        ("PANEL_WATCHDOG__COLLECTORS__DOCKER__ENABLED", "false", lambda s: s.collectors.docker.enabled is False),
    ],
)
def test_the_environment_goes_before_the_file(name, value, got):
    assert got(parse(GOOD, **{name: value}))


def test_an_environment_variable_with_an_unknown_key_is_an_error():
    assert "server.lsten" in problems(GOOD, PANEL_WATCHDOG__SERVER__LSTEN="x")


def test_a_variable_that_goes_into_a_single_value_is_named():
    with pytest.raises(BadSettings, match="PANEL_WATCHDOG__HOST__NAME"):
        parse(GOOD, PANEL_WATCHDOG__HOST__NAME="x")


def test_settings_are_frozen():
    loaded = parse(GOOD)

    with pytest.raises(ValueError, match="frozen"):
        loaded.host = "other"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1, 2", "line"),
        ("a: 1\na: 2\n", "line 2: 'a' is written twice (first in line 1)"),
        ("- 1\n- 2\n", "mapping"),
        ("a: !!python/object:os.system x\n", "YAML"),
        ("a: \x00\n", "YAML"),
    ],
)
def test_a_file_that_is_no_configuration_says_why_and_where(text, says):
    with pytest.raises(BadSettings) as raised:
        parse(text)

    assert says in str(raised.value)
    assert "c.yaml" in str(raised.value)


def test_an_alias_bomb_is_refused():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
    )

    with pytest.raises(BadSettings):
        parse(bomb)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(BadSettings, match="init"):
        settings.load(tmp_path / "no.yaml", {})


def test_lines_are_those_of_the_nearest_written_key():
    document = yaml.parse("a:\n  b:\n    - c: 1\n    - d: 2\n", "x")

    assert document.line(("a", "b", 1, "d")) == 4
    assert document.line(("a", "b", 1, "missing")) == 4
    assert document.line(("nowhere",)) is None


def test_the_json_schema_names_every_section():
    schema = settings.model().model_json_schema()

    rooms = {"host", "log", "server", "ledger", "collectors", "reconciler", "pauses", "notify", "alertmanager", "panels"}
    assert set(schema["properties"]) == rooms
    assert "mcsmanager" in schema["$defs"]["PanelsSettings"]["properties"]


def test_no_settings_key_is_undocumented():
    missing = list(_undocumented(settings.model(), ""))

    assert missing == []


def _undocumented(model, prefix):
    for name, field in model.model_fields.items():
        below = [each for each in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(each, type)]
        below = [each for each in below if issubclass(each, BaseModel)]
        if not below and not field.description:
            yield prefix + name
        for inner in below:
            yield from _undocumented(inner, f"{prefix}{name}.")


def test_default_path_is_absolute():
    assert settings.DEFAULT_PATH.as_posix() == "/etc/panel-watchdog/config.yaml"


@pytest.mark.parametrize(
    ("hook", "named"),
    [
        ("{unit: ''}", "systemd unit"),
        ("{unit: --host=elsewhere}", "systemd unit"),
        ("{unit: 'wings; reboot'}", "systemd unit"),
        ("{unit: /etc/systemd/system/wings.service}", "systemd unit"),
        ("{container: ''}", "container"),
        ("{container: 'a b'}", "container"),
        ("{exec: {container: -it, argv: [restart]}}", "container"),
    ],
)
def test_a_hook_names_something_that_can_be_a_unit_or_a_container(hook, named):
    key = "panels.mcsmanager[0].hooks.restart_daemon"

    found = problems(GOOD + f"      hooks:\n        restart_daemon: {hook}\n")

    assert key in found, found
    assert f"is not the name of a {named}" in found[key][1]


@pytest.mark.parametrize("unit", ["wings", "wg-dashboard.service", "pteroq@1.service", r"dev-disk-by\x2duuid.mount", "a:b_c"])
def test_real_names_of_units_are_taken(unit):
    [(_, target)] = parse(GOOD + f"      hooks:\n        restart_daemon: {{unit: '{unit}'}}\n").targets()

    assert target.hooks.restart_daemon.unit == unit
