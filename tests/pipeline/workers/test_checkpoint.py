"""Where the sink of a live stream was."""

from pipeline.workers.checkpoint import Checkpoint
from stages.sink.stream_results import StreamResults
from tests.stages.sink.conftest import gray, make_header, make_start, make_tracks, names_in


def test_a_state_comes_back_as_it_was(tmp_path):
    results = StreamResults(tmp_path / "cam")
    results.start(make_start())
    for header in map(make_header, range(3)):
        tracks = make_tracks(header, [[20, 30, 60, 70]], [3])
        results.write(tracks, gray(header), {"detect": 5}, header.captured_ns + 7)
    results.overlays.close()
    path = tmp_path / ".checkpoint.part"
    assert Checkpoint.load(path) is None
    Checkpoint(0, results.state()).save(path)
    Checkpoint(4, results.state()).save(path)
    assert Checkpoint.load(path) == Checkpoint(4, results.state())
    results.abort()
    assert names_in(tmp_path) == {path.name}
