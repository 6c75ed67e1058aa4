from fractions import Fraction

import pytest

from stages.seqinfo import SeqInfo, read_seqinfo

WHOLE = "[Sequence]\nname=MOT17-02-100%\nframeRate=30000/1001\nseqLength=600\n"


@pytest.fixture
def read(tmp_path):
    def read(content):
        path = tmp_path / "seqinfo.ini"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_seqinfo(path)

    return read


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_frame_rate_and_length_are_read(read, mark):
    assert read(mark + WHOLE) == SeqInfo(Fraction(30000, 1001), 600)


def test_classes_are_read(read):
    assert read("[Sequence]\nclasses=car,van\n") == SeqInfo(None, None, "car,van")


def test_missing_values_are_none(read):
    assert read("[Sequence]\nname=MOT17-02\n") == SeqInfo(None, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[Sequence]\nframeRate=0\n", "frameRate in .*seqinfo.ini: must be .*, got '0'"),
        ("[Sequence]\nframeRate=25/0\n", "frameRate in .*seqinfo.ini: must be .*, got '25/0'"),
        ("[Sequence]\nseqLength=0\n", "seqLength in .*seqinfo.ini: must be .*, got '0'"),
        ("[Sequence]\nseqLength=1e3\n", "seqLength in .*seqinfo.ini: must be .*, got '1e3'"),
        (f"[Sequence]\nseqLength={'9' * 5000}\n", "seqLength in .*seqinfo.ini: must be .*, got '9"),
        ("[sequence]\nseqLength=9\n", r"seqinfo.ini has no section \[Sequence\]"),
        ("seqLength=9\n", "cannot read .*seqinfo.ini: File contains no section headers"),
        (b"\xff\xfe[\0", "cannot read .*seqinfo.ini"),
    ],
)
def test_malformed_file_is_rejected(read, content, message):
    with pytest.raises(ValueError, match=message):
        read(content)


def test_missing_file_is_reported(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read .*seqinfo\.ini"):
        read_seqinfo(tmp_path / "seqinfo.ini")
