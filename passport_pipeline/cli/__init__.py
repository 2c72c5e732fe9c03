"""The command line. Every command imports what it needs when it runs, so that `--help` is quick.

What belongs here: arguments, tables, progress bars, exit codes. What does not: the work itself.
"""

from __future__ import annotations

import sys

from passport_pipeline.errors import PipelineError, unexpected


def main() -> None:
    """Run the command line; an error that someone can act on is one message and its exit code.

    Any other is its type and where it was raised.
    """
    from passport_pipeline.automation.stopping import Stopped
    from passport_pipeline.cli.commands import app

    try:
        app()
    except PipelineError as error:
        sys.stderr.write(f"passport-pipeline: {error}\n")
        raise SystemExit(error.exit_code) from None
    except Stopped as stopped:
        sys.stderr.write("passport-pipeline: stopped; run the same command again to continue\n")
        raise SystemExit(stopped.exit_code) from None
    except KeyboardInterrupt:
        sys.stderr.write("passport-pipeline: interrupted; the next run completes what is missing\n")
        raise SystemExit(130) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, its text must not reach a terminal or a log
        sys.stderr.write(f"passport-pipeline: {unexpected(error)}\n")
        raise SystemExit(1) from None
