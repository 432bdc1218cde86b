"""Forms read as they come."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.multipart import FormReader, Part, boundary_of
from gis.errors import Refusal

BOUNDARY = b"--cut"
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
CONTENT = st.one_of(
    st.binary(max_size=60), st.lists(st.sampled_from([b"\r\n", b"--", b"--cut", b"\r\n----cu", b"x"])).map(b"".join)
)


def written(parts: list[tuple[str, str | None, bytes]]) -> bytes:
    body = b""
    for name, filename, content in parts:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        head = f'Content-Disposition: form-data; name="{quoted}"'
        if filename is not None:
            head += f'; filename="{filename.replace(chr(92), chr(92) * 2).replace(chr(34), "%22")}"'
        body += b"--" + BOUNDARY + b"\r\n" + head.encode() + b"\r\nContent-Type: text/plain\r\n\r\n" + content + b"\r\n"
    return body + b"--" + BOUNDARY + b"--\r\n"


def read(chunks: list[bytes]) -> list[tuple[str, str | None, bytes]]:
    reader, found = FormReader(BOUNDARY), []
    for chunk in chunks:
        for piece in reader.feed(chunk):
            if isinstance(piece, Part):
                found.append((piece.name, piece.filename, b""))
            else:
                name, filename, content = found[-1]
                found[-1] = (name, filename, content + piece)
    reader.end()
    return found


@given(st.lists(st.tuples(NAMES, st.none() | NAMES, CONTENT), max_size=4), st.data())
def test_a_form_is_read_the_same_however_it_is_cut(
    parts: list[tuple[str, str | None, bytes]], data: st.DataObject
) -> None:
    parts = [
        each
        for each in parts
        if b"\r\n--" + BOUNDARY not in b"\r\n" + each[2] and "%22" not in (each[0] + (each[1] or ""))
    ]
    body = written(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    chunks = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert read(chunks) == parts
    assert read([bytes([each]) for each in body]) == parts


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    for sent in (body, b"--" + BOUNDARY + body, b"--" + BOUNDARY + b"\r\n" + body):
        with suppress(Refusal):
            read([sent])


def test_nothing_is_kept_of_a_long_file_but_what_may_be_a_delimiter() -> None:
    reader = FormReader(BOUNDARY)
    head = b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    taken = list(reader.feed(head))
    for _ in range(50):
        taken += reader.feed(b"\r\n-" * 10_000)
        assert len(reader._rest) <= len(BOUNDARY) + 4
    assert taken[0] == Part("file", "a")


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('multipart/form-data; charset=utf-8; boundary="a b"', b"a b"),
        ("Multipart/Form-Data;boundary=x", b"x"),
        ("text/csv", None),
        ("", None),
    ],
)
def test_the_boundary_is_taken_from_the_header(header: str, boundary: bytes | None) -> None:
    assert boundary_of(header) == boundary


def test_a_name_in_the_form_of_rfc_5987_goes_before_the_plain_one() -> None:
    head = "Content-Disposition: form-data; name=file; filename=\"a.csv\"; filename*=UTF-8''%E5%8D%95.csv"
    body = b"--" + BOUNDARY + b"\r\n" + head.encode() + b"\r\n\r\nx\r\n--" + BOUNDARY + b"--"
    assert read([body]) == [("file", "单.csv", b"x")]
