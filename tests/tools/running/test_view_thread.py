import io
import json
import os
import sys
import threading

import pytest
from rich.console import Console

from pipeline.reports import Alive, Notice, Progress
from tools.console.standard_streams import lossy
from tools.running.event_log import EventLog
from tools.running.progress import ProgressView
from tools.running.view_thread import ViewThread


def progress(frames):
    return Progress(
        "sink", stream="cam", frames=frames, dropped=0, total=None, work_ms={}, metrics=None
    )


def notice(message):
    return Notice("decoder", stream="cam", message=message)


def test_unread_messages_are_queued_and_lost_ones_counted(monkeypatch):
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        monkeypatch.setattr(sys, "stderr", lossy(file))
        lines = []

        def read():
            with os.fdopen(reader) as other:
                lines.extend(map(json.loads, other))

        with ViewThread(EventLog()) as shown:
            for number in range(5000):
                shown.show(notice(f"{number:0100}"))
                shown.show(Alive("sink"))
                shown.show(progress(number))
            thread = threading.Thread(target=read)
            thread.start()
        assert shown.is_read
    thread.join(100)
    messages = [line["message"] for line in lines if line["event"] == "notice"]
    numbers = [int(each) for each in messages if each.isdigit()]
    assert numbers == sorted(set(numbers))
    lost = [each.removeprefix("lost ").partition(" ")[0] for each in messages if not each.isdigit()]
    assert lost
    assert len(numbers) + sum(map(int, lost)) == 5000


def test_an_error_in_the_view_is_raised_in_the_calling_thread():
    class Broken(io.StringIO):
        def write(self, text):
            raise OSError("the view is broken")

    def show_all():
        with ViewThread(ProgressView(Console(file=Broken()))) as shown:
            shown.show(notice("is back"))

    with pytest.raises(OSError, match="the view is broken"):
        show_all()
