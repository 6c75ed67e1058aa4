"""Requests to the HTTP servers of a run."""

import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families


def get(port, path, method="GET", headers=None):
    """Returns the status and the text of an answer."""
    code, body = get_bytes(port, path, method, headers)
    return code, body.decode()


def get_bytes(port, path, method="GET", headers=None):
    """Returns the status and the content of an answer."""
    address = f"http://127.0.0.1:{port}{path}"
    request = urllib.request.Request(address, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=100) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def scrape(port):
    """Returns the metrics by their name and the values of their labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=100) as answer:
        return values(answer.read().decode())


def values(text):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
