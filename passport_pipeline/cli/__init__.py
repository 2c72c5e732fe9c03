"""The command line. Every command imports what it needs when it runs, so that `--help` is quick.

What belongs here: arguments, tables, progress bars, exit codes. What does not: the work itself.
"""

from __future__ import annotations

from passport_pipeline.core.errors import PipelineError, unexpected
from passport_pipeline.core.terminal import complain


def main() -> None:
    """Run the command line; an error that someone can act on is one message and its exit code.

    Any other is its type and where it was raised.
    """
    from passport_pipeline.cli.commands import app
    from passport_pipeline.runner.signals import Stopped

    try:
        app()
    except PipelineError as error:
        complain(f"passport-pipeline: {error}")
        raise SystemExit(error.exit_code) from None
    except Stopped as stopped:
        complain("passport-pipeline: stopped; run the same command again to continue")
        raise SystemExit(stopped.exit_code) from None
    except KeyboardInterrupt:
        complain("passport-pipeline: interrupted; the next run completes what is missing")
        raise SystemExit(130) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, its text must not reach a terminal or a log
        complain(f"passport-pipeline: {unexpected(error)}")
        raise SystemExit(1) from None
