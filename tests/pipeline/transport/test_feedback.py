import pytest

from pipeline.transport.feedback import Acknowledged, Resend, decode_feedback, encode_feedback
from pipeline.transport.messages import MessageError
from tests.pipeline.transport.test_messages import NESTED


@pytest.mark.parametrize("message", [Acknowledged(2**40), Resend(0), Resend(None)])
def test_feedback_round_trips(message):
    assert decode_feedback(encode_feedback(message)) == message


@pytest.mark.parametrize(
    "noise",
    [b"", b"\xc1", b"\x80", b"\x81\xa4type\xa1\xff", b"\x82\xa4type\xa6resend\xa1x" + NESTED],
)
def test_malformed_feedback_is_refused(noise):
    with pytest.raises(MessageError):
        decode_feedback(noise)
