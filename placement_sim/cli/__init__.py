"""The command line: a thin face over the package's calls, one file a group of commands.

Status 0 done, 1 a run failed, 2 bad input, told in one line; 130 interrupted. Heavy imports wait for a command.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from placement_sim.cli import calibrate, catalogue, imports, lab, reliability, reports, runs, studies, traces, whatif
from placement_sim.errors import InvariantError, NotebookError, PlacementSimError, PolicyError

INTERRUPTED = 130  # typer, too, makes this of Ctrl-C
app = typer.Typer(
    help="Simulate block placement on disks, and upgrades of fleets of machines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
trace_app = typer.Typer(help="Look at recorded traces.", no_args_is_help=True)
app.add_typer(trace_app, name="trace")
calibrate_app = typer.Typer(help="Make a disk model of measurements.", no_args_is_help=True)
app.add_typer(calibrate_app, name="calibrate")
import_app = typer.Typer(help="Make a scenario of a real cluster.", no_args_is_help=True)
app.add_typer(import_app, name="import")

for command in (
    runs.demo,
    runs.run,
    runs.compare,
    reliability.reliability,
    reports.report,
    reports.verify,
    whatif.whatif,
    studies.sweep,
    studies.status,
    lab.lab,
    catalogue.policies,
    catalogue.strategies,
):
    app.command()(command)
app.command("host-loss")(reliability.host_loss)
for trace_command in (traces.info, traces.convert, traces.synthesise):
    trace_app.command()(trace_command)
calibrate_app.command("fio")(calibrate.fio)
import_app.command("ceph-osd-df")(imports.ceph_osd_df)
import_app.command("disks-csv")(imports.disks_csv)
import_app.command("trace")(traces.import_trace)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give the exit status."""
    try:
        status = app(args=None if arguments is None else list(arguments), standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except (InvariantError, NotebookError, PolicyError) as error:
        print(f"placement-sim: the run failed: {_line(error)}", file=sys.stderr)
        return 1
    except PlacementSimError as error:
        print(f"placement-sim: {_line(error)}", file=sys.stderr)
        return 2
    except Exception as error:
        message = getattr(error, "format_message", None)  # a usage error of the option parser
        if message is None:
            raise
        if text := message():
            print(f"placement-sim: {_line(text)}", file=sys.stderr)
        return 2
    if status == INTERRUPTED:
        print("placement-sim: interrupted", file=sys.stderr)
    return status if isinstance(status, int) else 0


def _line(message: object) -> str:
    return " ".join(str(message).split())
