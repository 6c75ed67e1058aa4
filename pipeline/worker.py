"""Entry point of a stage process.

``python -m pipeline.worker PID``, with the supervisor's PID; it reads its plan from standard input.
"""

from __future__ import annotations

import sys
import traceback

import zmq

from pipeline.logs import set_up_logging
from pipeline.plan import STAGE_ENDED, WorkerPlan, decode_struct
from pipeline.reporter import Reporter
from pipeline.reports import Crashed, Failed
from pipeline.signals import StageEnd, die_with, ignore_stop_signals
from stages.errors import SpotStreamError, in_one_line


def main(supervisor: int) -> int:
    """Runs one stage until its work is done or it is told to stop; returns the exit status."""
    die_with(supervisor)
    ignore_stop_signals()
    plan = decode_struct(sys.stdin.buffer.read(), WorkerPlan)
    set_up_logging(plan.stage, as_json=plan.json_log)
    context = zmq.Context()
    report = Reporter(context, plan)
    stream = plan.own_stream
    try:
        _run(plan, context, report)
        return STAGE_ENDED
    except SpotStreamError as error:
        if plan.debug:
            traceback.print_exc()
        message, code = str(error), error.exit_code
        report(Failed(plan.stage, stream=stream, message=message, exit_code=code))
        return error.exit_code
    except StageEnd:
        return STAGE_ENDED
    except (Exception, SystemExit) as error:
        if plan.debug:
            traceback.print_exc()
        report(Crashed(plan.stage, stream=stream, message=in_one_line(error)))
        return 1
    finally:
        context.destroy(linger=1000)  # closes the sockets still open, the reporter's included


def _run(plan: WorkerPlan, context: zmq.Context, report: Reporter) -> None:
    # Imported here so that a decoder does not load torch, nor a detector PyAV.
    if plan.stage == "decoder":
        from pipeline.workers.decoder import run_decoder

        run_decoder(plan, context, report)
    elif plan.stage == "detector":
        from pipeline.workers.detector import run_detector

        run_detector(plan, context, report)
    elif plan.stage == "tracker":
        from pipeline.workers.tracker import run_tracker

        run_tracker(plan, context, report)
    else:
        from pipeline.workers.sink import run_sink

        run_sink(plan, context, report)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
