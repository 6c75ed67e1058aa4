import pytest

from stages.errors import ConfigError
from tools.detect import detect_images


def test_images_of_one_name_are_refused(tmp_path):
    for folder in "xy":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").touch()
    with pytest.raises(ConfigError, match=r"x/a.png and .*y/a.png have one name"):
        detect_images([tmp_path / "x", tmp_path / "y"], None, [])
