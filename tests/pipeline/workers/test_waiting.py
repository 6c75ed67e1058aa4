import threading

from pipeline.workers.waiting import Waiting


class Report:
    times = 0

    def alive(self):
        self.times += 1


def test_whoever_receives_data_is_alive_even_if_it_makes_no_frame():
    report = Report()
    waiting = Waiting(threading.Event(), report)
    with waiting.working:
        for received in range(3):
            assert report.times == received
            with waiting:
                pass
    assert report.times == 3
