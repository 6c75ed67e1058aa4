import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stages.detector.lru_cache import LruCache


def test_the_most_recently_used_keys_are_kept():
    cache = LruCache(2)
    for key in "ab":
        assert cache.keep(key, key * 2) == key * 2
    assert cache.get("a") == "aa"  # so that b is the least recently used
    cache.keep("c", "cc")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("aa", None, "cc")
    assert cache.values() == ["aa", "cc"]


def test_replacing_a_value_evicts_no_other_key():
    cache = LruCache(2)
    for key, value in [("a", 1), ("b", 2), ("b", 3)]:
        cache.keep(key, value)
    assert (cache.get("a"), cache.get("b"), len(cache)) == (1, 3, 2)


@dataclass(frozen=True)
class Yielding:
    """A key that makes threads take turns whenever it is looked up."""

    number: int

    def __hash__(self):
        time.sleep(0)
        return self.number


def test_threads_may_share_a_cache():
    cache = LruCache(2)

    def use(count):
        keys = [Yielding(number % 5) for number in range(count, count + 500)]
        return [cache.get(key) or cache.keep(key, str(key.number)) for key in keys]

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(use, range(4)))
    assert found == [[str(number % 5) for number in range(n, n + 500)] for n in range(4)]
    assert len(cache) == 2
