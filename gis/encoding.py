"""Which encoding the text of a shapefile or CSV is in, and its decoding without silent loss.

Order of trust: what the user forces, a byte order mark or the `.cpg`, the language byte of the dbf, strict UTF-8,
GB18030 (which holds GBK and GB2312). One label is not believed: text that is UTF-8 with Chinese in it is UTF-8,
whatever its file says, for no other encoding gives such bytes by chance. A value whose last character was cut in the
middle, as dbf writers do, does not count against an encoding. Limit: a word or two of GBK may by chance be UTF-8 too
(联通 is); a whole file is not. GB18030 as the last resort holds nearly all bytes: text that comes out in characters
that names do not have was something else, and somebody has to say what.
"""

import codecs
import re
from collections import Counter
from collections.abc import Collection, Iterable
from encodings.aliases import aliases
from itertools import islice

from gis.errors import Fault, Refusal, refuse

_CUT = {"unexpected end of data", "incomplete multibyte sequence"}
_CHINESE = re.compile("[\u3400-\u9fff]")
_NAMES = {re.sub("[^a-z0-9]", "", known): name for pair in aliases.items() for known, name in (pair, pair[1:] * 2)}
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_LOOKED_AT = 20_000
_RARE, _KANA = 0.3, 0.05  # of the characters beyond ASCII
_BROKEN = 0.1  # of the words with such characters
_BETWEEN = re.compile(r"[\n,;\t]")
_GB = {"gb2312", "gbk", "cp936", "gb18030", "hz"}

# The writer's own "ANSI" page, 0x57, is left out: it says nothing.
_LANGUAGES = {
    0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x08: "cp865", 0x13: "cp932", 0x4D: "gb18030", 0x4E: "cp949",
    0x4F: "cp950", 0x50: "cp874", 0x58: "cp1252", 0x59: "cp1252", 0x64: "cp852", 0x65: "cp866", 0x66: "cp865",
    0x6A: "cp737", 0x6B: "cp857", 0x78: "cp950", 0x79: "cp949", 0x7A: "gb18030", 0x7B: "cp932", 0x7C: "cp874",
    0x7D: "cp1255", 0x7E: "cp1256", 0xC8: "cp1250", 0xC9: "cp1251", 0xCA: "cp1254", 0xCB: "cp1253", 0xCC: "cp1257",
}  # fmt: skip


def codec(label: str) -> str | None:
    """The Python name of an encoding as files and people write it ("GBK", "65001", "ANSI 936", "88591"), or None."""
    label = re.sub(r"^(ANSI|OEM|CP|ISO)?[ _-]*(?=\d)", "", label.strip(), flags=re.IGNORECASE)
    if label.isdigit() or re.fullmatch(r"8859[_-]\d+", label):
        digits = re.sub(r"\D", "", label)
        label = "utf-8" if digits == "65001" else f"iso8859-{digits[4:]}" if digits[:4] == "8859" else f"cp{digits}"
    label = _NAMES.get(re.sub(r"[^a-z0-9]", "", label.lower()), label)
    try:
        "".encode(label)  # fails for codecs that are not of text
    except (LookupError, ValueError):
        return None
    name = codecs.lookup(label).name
    return "gb18030" if name in _GB else name


def forced(label: str) -> str:
    """The Python name of an encoding that a user gave. Errors: Refusal encoding_unknown."""
    found = codec(label)
    if found is None:
        raise refuse(
            "encoding_unknown",
            f"'{label}' is no known text encoding; give for example UTF-8 or GBK.",
            f"未知的文字编码“{label}”；请给出 UTF-8、GBK 等。",
        )
    return found


def declared(cpg: str | None, language: int) -> str | None:
    """The encoding that the `.cpg` beside a dbf names, else the one of the language byte of the dbf, else None."""
    return (codec(cpg) if cpg else None) or _LANGUAGES.get(language)


def detect(values: Collection[bytes], label: str | None) -> str:
    """The encoding of the values of a file that declares `label` (a Python name) or nothing."""
    values = [value for value in values if not value.isascii()]
    if not values:
        return label or "utf-8"
    if _fits(values, "utf-8") and (label is None or _says_chinese(values) or not _fits(values, label)):
        return "utf-8"
    return label or "gb18030"


def decode(value: bytes, encoding: str) -> tuple[str, bool]:
    """The text of a value, and whether characters that could not be read stand in it as U+FFFD."""
    try:
        return value.decode(encoding), False
    except UnicodeDecodeError:
        return value.decode(encoding, errors="replace"), True


def decode_file(data: bytes, encoding: str | None) -> tuple[str, bool]:
    """The text of a whole file in the encoding forced or, if None, found; and whether characters were replaced."""
    if encoding is None:
        encoding = found_in(data)
    elif encoding == "utf-8":
        encoding = "utf-8-sig"
    return decode(data, encoding)


def found_in(data: bytes) -> str:
    """The encoding of a whole file: what its byte order mark says, else what is found out."""
    marked = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    return marked or detect([data], None)


def is_guessed(data: bytes) -> bool:
    """Whether a whole file is taken for GB18030 because nothing in it says otherwise."""
    return not data.isascii() and not data.startswith(tuple(_MARKS)) and detect([data], None) == "gb18030"


def is_doubtful(texts: Iterable[str]) -> bool:
    """Whether text that was taken for GB18030, as no one said otherwise, was something else: it has more rare
    characters than names have, Japanese kana, or many words with bytes in them that are no characters.
    """
    looked_at = (text[:_LOOKED_AT] for text in islice(texts, _LOOKED_AT))
    words = [word for text in looked_at for word in _BETWEEN.split(text) if not word.isascii()]
    strange = Counter(letter for word in words for letter in word if letter > "\x7f" and letter != "\ufffd")
    rare = sum(count for letter, count in strange.items() if not letter.encode("gb2312", errors="ignore"))
    kana = sum(count for letter, count in strange.items() if "\u3040" <= letter <= "\u30ff")
    broken = sum("\ufffd" in word.rstrip("\ufffd") for word in words)  # the last ones may be cut in two
    return rare > _RARE * strange.total() or kana > _KANA * strange.total() or broken > _BROKEN * len(words)


def doubtful() -> Fault:
    """The error that the encoding was guessed, and looks wrong: whoever knows it names it."""
    return Fault(
        "encoding_doubtful",
        "The file does not say its encoding, and is hardly GB18030: read so, its text is full of characters that no "
        "name has. Name the encoding: --encoding BIG5, EUC-JP, CP1252 … or GB18030 when that is right.",
        "文件未声明文字编码，且不像 GB18030：按其读取出现大量生僻或无法识别的字符。请用 --encoding 指定编码"
        "（BIG5、EUC-JP、CP1252 等；确为国标编码时指定 GB18030）。",
    )


def wrong(encoding: str, row: int) -> Refusal:
    """The refusal of a file that is not in the encoding that was forced."""
    return refuse(
        "encoding_wrong",
        f"The text of row {row} is not {encoding}; leave the encoding out to have it found, or give the right one.",
        f"第 {row} 行的文字不是 {encoding} 编码；请不指定编码由系统识别，或指定正确的编码。",
        kind="unreadable",
        row=row,
    )


def not_in(encoding: str, row: int) -> Refusal:
    """The refusal to write text that the encoding asked for does not hold."""
    return refuse(
        "text_not_in_encoding",
        f"Row {row} has characters that {encoding} does not hold; write UTF-8.",
        f"第 {row} 行含有 {encoding} 编码中没有的字符；请改用 UTF-8。",
        row=row,
    )


def replaced(row: int, column: str) -> Fault:
    """The warning that characters of a row could not be read."""
    return Fault(
        "encoding_replaced",
        f"Row {row}: characters of '{column}' cannot be read and stand as \ufffd; check the encoding or the source.",
        f"第 {row} 行：“{column}”中有无法识别的字符，已以 \ufffd 代替；请检查编码或原始数据。",
        severity="warning",
        row=row,
    )


def _fits(values: Collection[bytes], encoding: str) -> bool:
    """Whether all values are in the encoding but for last characters cut in two, and one of them is so in full."""
    whole = False
    for value in values:
        try:
            value.decode(encoding)
            whole = True
        except UnicodeDecodeError as error:
            if error.end != len(value) or error.reason not in _CUT:
                return False
            whole = whole or not value[: error.start].isascii()
    return whole


def _says_chinese(values: Collection[bytes]) -> bool:
    return any(_CHINESE.search(value.decode("utf-8", errors="ignore")) for value in values)
