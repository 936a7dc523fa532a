"""All commands but ``run``, under typer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from watchdog import __version__
from watchdog.cli import check, doctor, init, join, orders, questions, showing, verify

app = typer.Typer(
    name="panel-watchdog",
    help="Prometheus exporter and reconciling watchdog for self-hosted panels.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if version:
        print(f"panel-watchdog {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def run(context: typer.Context) -> None:
    """Run the exporter and reconciler (see `panel-watchdog run --help`)."""
    from watchdog.cli.run import run as run_program  # noqa: PLC0415

    raise typer.Exit(run_program(context.args))


app.command("init")(init.init)
app.command("demo")(showing.demo)
app.command("check-config")(check.check_config)
app.command("doctor")(doctor.doctor)
app.command("verify", cls=verify.VerifyCommand)(verify.verify)
app.command("join")(join.join)
app.command("status")(questions.status)
app.command("plan")(questions.plan)
app.command("history")(questions.history)
app.command("holdings")(questions.holdings)
app.command("ignores")(questions.ignores)
app.command("sync")(orders.sync)
app.command("approve")(orders.approve)
app.command("reject")(orders.reject)
app.command("retry")(orders.retry)
app.command("baseline")(orders.baseline)
app.command("ignore")(orders.ignore)
app.command("unignore")(orders.unignore)
app.command("release")(orders.release)
app.command("reload")(orders.reload)


def start(words: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        app(list(words), prog_name="panel-watchdog")
    except SystemExit as end:  # typer says wrong words itself, and ends so
        return end.code if isinstance(end.code, int) else 0
    return 0
