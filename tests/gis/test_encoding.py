import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gis import encoding
from gis.errors import Refusal

STREETS = ["南山街道", "粤海街道", "招商街道"]


def is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("UTF-8", "utf-8"),
        ("65001", "utf-8"),
        ("GBK", "gb18030"),
        ("gb2312", "gb18030"),
        ("936", "gb18030"),
        ("ANSI 936", "gb18030"),
        ("OEM 936", "gb18030"),
        ("ISO 88591", "iso8859-1"),
        ("8859_2", "iso8859-2"),
        ("ANSI 1252\r\n", "cp1252"),
        ("BIG-5", "big5"),
        ("koi8r", "koi8-r"),
        ("rot13", None),
        ("nonsense", None),
    ],
)
def test_an_encoding_is_known_by_all_its_names(label, name):
    assert encoding.codec(label) == name


def test_an_unknown_encoding_cannot_be_forced():
    with pytest.raises(Refusal) as refusal:
        encoding.forced("nonsense")
    assert refusal.value.code == "encoding_unknown"


def test_the_cpg_goes_before_the_language_byte():
    assert encoding.declared("UTF-8", 0x4D) == "utf-8"
    assert encoding.declared(None, 0x4D) == "gb18030"
    assert encoding.declared("nonsense", 0x4F) == "cp950"
    assert encoding.declared(None, 0x57) is None


@pytest.mark.parametrize("written", ["utf-8", "gbk"])
def test_unmarked_chinese_is_read(written):
    values = [street.encode(written) for street in STREETS]
    found = encoding.detect(values, None)
    assert [encoding.decode(value, found) for value in values] == [(street, False) for street in STREETS]


@pytest.mark.parametrize("label", ["gb18030", "cp1252", "iso8859-1", "cp950"])
def test_utf8_that_says_it_is_something_else_is_still_utf8(label):
    assert encoding.detect([street.encode() for street in STREETS], label) == "utf-8"


def test_a_label_that_fits_is_believed():
    assert encoding.detect(["國語".encode("big5")], "big5") == "big5"
    assert encoding.detect(["é".encode("latin-1")], "iso8859-1") == "iso8859-1"


def test_a_character_cut_in_two_does_not_change_the_encoding():
    values = ["南山街道".encode(), "粤海街道".encode()[:-1]]
    assert encoding.detect(values, None) == "utf-8"
    assert encoding.decode(values[1], "utf-8") == ("粤海街\ufffd", True)


@given(st.lists(st.text("一丁七万丈三上下不与丑专且世丘丙业丛东丝丢两严丧个中丰临为主丽举", min_size=4), min_size=1))
def test_chinese_text_survives_gbk_without_a_label(texts):
    values = [text.encode("gbk") for text in texts]
    assume(not is_utf8(b"".join(values)))  # the known limit: a word or two may be both
    found = encoding.detect(values, None)
    assert [encoding.decode(value, found)[0] for value in values] == texts


@pytest.mark.parametrize("written", ["utf-8", "utf-8-sig", "utf-16", "gbk"])
def test_a_text_file_is_read_with_or_without_a_mark(written):
    assert encoding.decode_file("街道,名称\n".encode(written), None) == ("街道,名称\n", False)


@pytest.mark.parametrize(
    ("text", "written", "doubtful"),
    [
        ("上水井盖 供水公司", "gbk", False),
        ("喆垚堃路灯养护中心第一分队", "gbk", False),
        ("國語臺灣水電", "big5", True),
        ("ひたちなか 日本語", "shift_jis", True),
        ("ひたちなか市 西蒲原郡弥彦村", "euc_jp", True),
        ("Π. ΑΝΑΤΟΛΙΚΗΣ ΜΑΚΕΔΟΝΙΑΣ", "cp1253", True),
        ("México Curaçao", "latin-1", True),
    ],
)
def test_gb18030_as_the_last_resort_is_told_where_it_looks_wrong(text, written, doubtful):
    raw = text.encode(written)
    assert encoding.detect([raw], None) == "gb18030"
    assert encoding.is_doubtful([encoding.decode(raw, "gb18030")[0]]) == doubtful
