"""Characters that people cannot tell apart and computers can: folding them, finding them, and showing them.

What belongs here: what one character is taken for. What does not: SKUs and catalogues (`rules.py`).
"""

from __future__ import annotations

import re
import unicodedata

# Letters of other alphabets that print like a Latin letter in common typefaces (a small part of Unicode's
# confusables, UTS 39: the capitals and the small letters that a keyboard layout left switched on produces).
_CYRILLIC = dict(zip("АВЕЅІЈКМНОРСТУХԚԜасеіјорѕухԛԝһ", "ABESIJKMHOPCTYXQWaceijopsyxqwh", strict=True))
_GREEK = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονι", "ABEZHIKMNOPTYXovi", strict=True))
_DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u00ad", "-")
_QUOTES = dict.fromkeys("\u2018\u2019\u02bc\u2032\uff07", "'")
_LETTERS = _CYRILLIC | _GREEK
_TABLE = str.maketrans(_LETTERS | _DASHES | _QUOTES)

# What nobody sees: controls, format characters (zero-width spaces, byte order mark, direction marks), lone
# surrogates, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_PLAIN = re.compile(r"[!-~]+(?: +[!-~]+)*")


def is_unseen(character: str) -> bool:
    """The character prints as nothing: a control, a zero-width or direction mark, a line separator."""
    return unicodedata.category(character) in _UNSEEN


def is_blank(text: str) -> bool:
    """Nothing in `text` can be seen."""
    if "!" <= text[:1] <= "~":  # nearly every SKU
        return False
    return not text or all(c.isspace() or is_unseen(c) for c in text)


def folded(text: str) -> str:
    """`text` as it looks: look-alikes and compatibility forms as plain letters, no spaces, nothing unseen.

    Case, punctuation and accents stay. Two texts that fold alike look alike. Folding again changes nothing.
    """
    if _PLAIN.fullmatch(text):  # nearly every SKU
        return text.replace(" ", "")
    seen = "".join(c for c in text.translate(_TABLE) if not is_unseen(c))
    # Twice, because NFKC makes some letters (of mathematical alphabets) that the table then knows.
    plain = unicodedata.normalize("NFKC", seen).translate(_TABLE)
    return "".join(c for c in unicodedata.normalize("NFKC", plain) if not c.isspace() and not is_unseen(c))


def suspects(text: str) -> list[str]:
    """The characters that will be changed, lost or mistaken somewhere, each in words; [] if none.

    A SKU written wholly in another alphabet is no suspect: a look-alike is one only beside Latin letters, or
    where every letter of the text is one.
    """
    if _PLAIN.fullmatch(text):
        return []
    found: list[str] = []
    if text != text.strip():
        found.append("a space at its end" if text == text.lstrip() else "a space at its start")
    foreign = [c for c in text if c.isalpha() and not c.isascii()]
    mixed = any(c.isascii() and c.isalpha() for c in text) or all(c in _LETTERS for c in foreign)
    inner = text.strip()
    for c in dict.fromkeys(text):
        if is_unseen(c) or (c.isspace() and c != " " and c in inner):
            found.append(f"{code_point(c)}, which cannot be seen")
        elif c in _LETTERS and mixed:
            found.append(f"{code_point(c)}, which looks like {_LETTERS[c]}")
        elif c in _DASHES or c in _QUOTES:
            found.append(f"{code_point(c)}, which looks like {(_DASHES | _QUOTES)[c]}")
        elif "\uff01" <= c <= "\uff5e":
            found.append(f"{code_point(c)}, which looks like {unicodedata.normalize('NFKC', c)}")
    if not unicodedata.is_normalized("NFC", text):
        found.append("an accent typed apart from its letter")
    return found


def code_point(character: str) -> str:
    """`U+0410 CYRILLIC CAPITAL LETTER A`; controls have no name and show their number only."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" {name}" if name else "")


def shown(text: str) -> str:
    """`text` in double quotes, with what cannot be seen written as its code, so that a person can read it."""
    visible = "".join(f"\\u{ord(c):04x}" if is_unseen(c) or (c.isspace() and c != " ") else c for c in text)
    return f'"{visible}"'
