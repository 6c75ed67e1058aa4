from pathlib import Path

import pytest

from stages.errors import ConfigError
from tests.tools.datasets.conftest import make_sample
from tools.training.division import divide

FOLDER = Path("mine")


def samples(**splits):
    """Returns samples of the scenes of each split; ``none`` stands for no split."""
    return [
        make_sample(
            FOLDER / f"{scene}.jpg",
            scene=scene,
            conditions={} if split == "none" else {"split": split},
        )
        for split, scenes in splits.items()
        for scene in scenes
    ]


@pytest.mark.parametrize(
    ("held_out", "expected"),
    [
        ([], []),
        (["valid/b"], ["valid/b"]),
        (["val"], ["valid/b", "valid/c[1]"]),
        (["valid", "test"], ["valid/b", "valid/c[1]", "d"]),
        (["validation"], ["valid/b", "valid/c[1]"]),
        (["*"], ["a1", "a2", "valid/b", "valid/c[1]", "d"]),
        (["a[2-9]", "*b"], ["a2", "valid/b"]),
        (["valid/c[1]"], ["valid/c[1]"]),
    ],
)
def test_scenes_and_splits_are_held_out_by_name_or_pattern(held_out, expected):
    given = samples(train=["a1", "a2"], val=["valid/b", "valid/c[1]"], test=["d"])
    kept, held = divide(FOLDER, given, held_out)
    assert [sample.scene for sample in held] == expected
    assert kept == [sample for sample in given if sample not in held]


@pytest.mark.parametrize(
    ("given", "available"),
    [
        ({"none": "dcba"}, "4 scenes such as a, b, c"),
        ({"none": "a"}, "1 scene such as a"),
        ({"val": "b", "none": "a"}, "the split val and 2 scenes such as a, b"),
        (
            {"test": "a", "val": "b", "train": ["c0", "c1"]},
            "the splits train, val, test and 4 scenes such as a, b, c0",
        ),
    ],
)
def test_unknown_names_are_reported_with_what_is_available(given, available):
    """Patterns match scenes, not the splits train and test."""
    with pytest.raises(ConfigError) as error:
        divide(FOLDER, samples(**given), ["t*", "nowhere"])
    assert str(error.value) == (
        f"mine has no scene or split nowhere, t* to hold out; it has {available}"
    )
