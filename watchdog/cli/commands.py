"""All commands but ``run``, under typer.

A word on the command line loads only the modules of its own command: a question to the running program needs no engine and no ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from watchdog import __version__


def start(words: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        _app(words)(list(words), prog_name="panel-watchdog")
    except SystemExit as end:  # typer says wrong words itself, and ends so
        return end.code if isinstance(end.code, int) else 0
    return 0


def _app(words: Sequence[str]) -> typer.Typer:
    """Return the command that ``words`` begin with, or all of them when they begin with none."""
    app = typer.Typer(
        name="panel-watchdog",
        help="Prometheus exporter and reconciling watchdog for self-hosted panels.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_root)
    asked = _COMMANDS.get(words[0]) if words else None
    for add in [asked] if asked else dict.fromkeys(_COMMANDS.values()):
        add(app)
    return app


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if version:
        print(f"panel-watchdog {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def _run(context: typer.Context) -> None:
    """Run the exporter and reconciler (see `panel-watchdog run --help`)."""
    from watchdog.cli.run import run  # noqa: PLC0415

    raise typer.Exit(run(context.args))


def _add_run(app: typer.Typer) -> None:
    app.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)(_run)


def _add_init(app: typer.Typer) -> None:
    from watchdog.cli import init  # noqa: PLC0415

    app.command("init")(init.init)


def _add_demo(app: typer.Typer) -> None:
    from watchdog.cli import showing  # noqa: PLC0415

    app.command("demo")(showing.demo)


def _add_check(app: typer.Typer) -> None:
    from watchdog.cli import check  # noqa: PLC0415

    app.command("check-config")(check.check_config)


def _add_doctor(app: typer.Typer) -> None:
    from watchdog.cli import doctor  # noqa: PLC0415

    app.command("doctor")(doctor.doctor)


def _add_archives(app: typer.Typer) -> None:
    from watchdog.cli import join, verify  # noqa: PLC0415

    app.command("verify", cls=verify.VerifyCommand)(verify.verify)
    app.command("join")(join.join)


def _add_rehearse(app: typer.Typer) -> None:
    from watchdog.cli import rehearse  # noqa: PLC0415

    app.command("rehearse")(rehearse.rehearse)


def _add_preflight(app: typer.Typer) -> None:
    from watchdog.cli import preflight  # noqa: PLC0415

    app.command("preflight")(preflight.preflight)


def _add_questions(app: typer.Typer) -> None:
    from watchdog.cli import questions  # noqa: PLC0415

    app.command("status")(questions.status)
    app.command("plan")(questions.plan)
    app.command("history")(questions.history)
    app.command("holdings")(questions.holdings)
    app.command("ignores")(questions.ignores)


def _add_health(app: typer.Typer) -> None:
    from watchdog.cli import health  # noqa: PLC0415

    app.command("health")(health.health)


def _add_explain(app: typer.Typer) -> None:
    from watchdog.cli import explain  # noqa: PLC0415

    app.command("explain")(explain.explain)


def _add_pauses(app: typer.Typer) -> None:
    from watchdog.cli import pauses  # noqa: PLC0415

    app.command("pause")(pauses.pause)
    app.command("resume")(pauses.resume)
    app.command("pauses")(pauses.pauses)


def _add_secret(app: typer.Typer) -> None:
    from watchdog.cli import secret  # noqa: PLC0415

    app.command("secret")(secret.secret)


def _add_notify(app: typer.Typer) -> None:
    from watchdog.cli import notify  # noqa: PLC0415

    app.command("notify")(notify.notify)


def _add_orders(app: typer.Typer) -> None:
    from watchdog.cli import orders  # noqa: PLC0415

    app.command("sync")(orders.sync)
    app.command("approve")(orders.approve)
    app.command("reject")(orders.reject)
    app.command("retry")(orders.retry)
    app.command("baseline")(orders.baseline)
    app.command("acknowledge")(orders.acknowledge)
    app.command("ignore")(orders.ignore)
    app.command("unignore")(orders.unignore)
    app.command("release")(orders.release)
    app.command("reload")(orders.reload)


_COMMANDS: dict[str, Callable[[typer.Typer], None]] = {
    "run": _add_run,
    "init": _add_init,
    "demo": _add_demo,
    "check-config": _add_check,
    "doctor": _add_doctor,
    **dict.fromkeys(("verify", "join"), _add_archives),
    "rehearse": _add_rehearse,
    "preflight": _add_preflight,
    **dict.fromkeys(("status", "plan", "history", "holdings", "ignores"), _add_questions),
    "explain": _add_explain,
    "health": _add_health,
    **dict.fromkeys(("pause", "resume", "pauses"), _add_pauses),
    "secret": _add_secret,
    "notify": _add_notify,
    **dict.fromkeys(
        ("sync", "approve", "reject", "retry", "baseline", "acknowledge", "ignore", "unignore", "release", "reload"), _add_orders
    ),
}
"""What adds each command; in the order of the help."""
