"""What an engine says of a running build, as events."""

from ez.build.buildkit.messages import control
from ez.build.buildkit.status import Progress

from .conftest import Recorder


def test_a_log_in_pieces_becomes_lines() -> None:
    sink = Recorder()
    progress = Progress(sink)
    for piece in (b"a\nb", b"c", b"\n\n", b"1%\r2%\r\n", b"end \xff"):
        progress.take(control.StatusResponse(logs=[control.VertexLog(vertex="v", stream=1, msg=piece)]))
    assert sink.lines == ["a", "bc", "", "2%"]
    progress.finish()
    assert sink.lines[-1] == "end \ufffd"
    assert progress.last_lines("v") == ("a", "bc", "2%", "end \ufffd")
