"""Texts that programs are most likely to split or to make small in different ways."""

from kinds.columns.passages import HARD_PASSAGES

DOTTED, DOTLESS = "\u0130", "\u0131"
HARD: list[str | None] = [
    *("The quick  brown fox.", "", None, "   ", " a b ", "b a", "one"),
    *("🙂 is 👩\u200d👩\u200d👧 and 🙂", "e\u0301 \u00e9 E\u0301 \u00c9", "caf\u00e9 CAF\u00c9"),
    *(f"{DOTTED}STANBUL Istanbul {DOTLESS}I i{DOTTED}", "STRASSE Straße STRAẞE straße"),
    *("没有空格的文字", "没有 空格 的 文字", "tab\tend\nline\r\nfeed\x0bpage\x0cend"),
    *("no\u00a0break\u3000wide\u2028line\u0085next", "a|b||c|", "|", "a|", "don't stop-me, (now)!"),
    *("x" * 3000, "The " * 3000 + "end", "\u0301 \ufeffa \u202eb", "A_B:C;D @home #1 $5"),
    *[text for texts in HARD_PASSAGES.values() for text in texts if "\x00" not in text],
]
