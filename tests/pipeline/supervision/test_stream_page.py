import json
import urllib.request

import msgspec
import pytest

from pipeline.supervision import stream_page
from pipeline.supervision.overview import Overview, ProcessView, StreamView
from pipeline.supervision.stream_page import StreamPage
from tests.pipeline.scraping import get

OVERVIEW = Overview(
    7,
    "out",
    61.5,
    [
        StreamView(
            name="north arm/2",
            source="rtsp://camera/live",
            state="running",
            frames=9,
            frame_size=(1920, 1080),
        )
    ],
    [ProcessView("sink", 8, "ready", 0)],
)


@pytest.fixture
def page():
    pictures = {"north arm/2": b"\xff\xd8picture", "new": None}
    page = StreamPage("127.0.0.1:0", pictures.get)
    yield page
    page.close()


def test_page_requests_the_paths_that_are_served(page):
    code, html = get(page.port, "/")
    assert code == 200
    assert '"overview.json"' in html
    assert "`pictures/${" in html
    assert "stream.frame_size" in html


def test_overview_is_refreshed_at_most_once_per_second(page, monkeypatch):
    assert get(page.port, "/overview.json")[0] == 404
    page.refresh(lambda: OVERVIEW)
    body = get(page.port, "/overview.json")[1]
    assert msgspec.json.decode(body, type=Overview) == OVERVIEW
    assert json.loads(body)["streams"][0]["frame_size"] == [1920, 1080]
    page.refresh(lambda: pytest.fail("asked within the second"))
    monkeypatch.setattr(stream_page, "_PAGE_SECONDS", 0.0)
    page._due = 0.0
    later = msgspec.structs.replace(OVERVIEW, seconds=62.5)
    page.refresh(lambda: later)
    assert json.loads(get(page.port, "/overview.json")[1])["seconds"] == 62.5


def test_picture_path_returns_the_picture_of_its_stream(page):
    url = f"http://127.0.0.1:{page.port}/pictures/north%20arm%2F2.jpg?1234"
    with urllib.request.urlopen(url, timeout=100) as answer:
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.read() == b"\xff\xd8picture"
    for path in ("/pictures/new.jpg", "/pictures/south.jpg", "/pictures/", "/out/mot.txt"):
        assert get(page.port, path)[0] == 404
