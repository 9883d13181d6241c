"""The command `ocpptap` (CLI.md): `running` runs something, `asking` asks the store, `tracing` reads trace files,
`exporting` takes sessions out and puts traces in, `erasing` takes them away, `reporting` reports on a month,
`migrating` makes the store's tables, `common` is what all share.

Each sub-command imports its part when it is called, so that none pays for another.

Errors are one line on stderr; exit code 2 for wrong usage or unreadable input, 1 for "ran, and the answer is no".
A traceback is shown only with OCPPTAP_DEBUG set.
"""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from proxy.cli import (
    asking,
    erasing,
    exporting,
    migrating,
    replaying,
    reporting,
    running,
    showing,
    tracing,
    verifying,
)
from proxy.cli.common import ANSWER_IS_NO, INTERRUPTED, WRONG_USAGE, Failure


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(None, "-V", "--version", package_name="ocpptap")
def cli() -> None:
    """The flight recorder for EV-charging networks: a transparent, journalling proxy for OCPP."""


_COMMANDS: Final = (
    running.run,
    running.check_config,
    running.demo,
    running.simulate,
    asking.query,
    asking.tail,
    asking.charge_points,
    asking.findings,
    tracing.analyze,
    reporting.uptime,
    asking.sessions,
    showing.show,
    verifying.verify,
    exporting.export,
    exporting.import_,
    replaying.replay,
    erasing.erase,
    migrating.migrate,
)
for command in _COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command line; every way out has an exit code and at most a line per problem."""
    try:
        code = _run()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = WRONG_USAGE
    except click.UsageError as error:
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        code = _say(error.format_message() + where, WRONG_USAGE)
    except Failure as error:
        code = _say(error.message, error.code)
    except BrokenPipeError:
        code = _leave_pipe()
    except (KeyboardInterrupt, click.Abort):
        code = INTERRUPTED
    except Exception as error:
        code = _bug(error)
    sys.exit(code)


def _run() -> int:
    """Not click's own `main`, which has its own view of errors and broken pipes."""
    try:
        with cli.make_context("ocpptap", sys.argv[1:]) as context:
            cli.invoke(context)
    except click.exceptions.Exit as left:
        return left.exit_code
    finally:
        if sys.stdout is not None:  # None: it was closed when we began
            sys.stdout.flush()
    return 0


def _say(message: str, code: int) -> int:
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr)
    return code


def _leave_pipe() -> int:
    """Whoever read our output has had enough. Nothing is left for the interpreter's last flush to fail on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _bug(error: Exception) -> int:
    if os.environ.get("OCPPTAP_DEBUG"):
        raise error
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return _say(f"{what} (unexpected; OCPPTAP_DEBUG=1 shows where)", ANSWER_IS_NO)
