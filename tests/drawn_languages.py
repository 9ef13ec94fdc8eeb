"""Pages in many languages, drawn: Article 1 of the Universal Declaration of Human Rights and a line of an invoice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

FONTS = Path("/usr/share/fonts/truetype")
DEJAVU, DROID = FONTS / "dejavu/DejaVuSans.ttf", FONTS / "droid/DroidSansFallbackFull.ttf"
NANUM = FONTS / "nanum/NanumGothic.ttf"
CAPTION = 30  # pixels high


class Language(NamedTuple):
    """A language as drawn; ``pack`` is Tesseract's, None where PP-OCR reads it."""

    code: str
    lines: tuple[str, ...]
    pack: str | None = None
    font: Path = DEJAVU

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


LANGUAGES = {
    language.code: language
    for language in (
        Language(
            "ar",
            (
                "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.",
                "وقد وهبوا عقلاً وضميراً وعليهم أن يعامل بعضهم بعضاً بروح الإخاء.",
                "فاتورة رقم 2026-1187 بتاريخ 14 مايو 2026",
            ),
            "ara",
        ),
        Language(
            "de",
            (
                "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
                "Sie sind mit Vernunft und Gewissen begabt und sollen einander",
                "im Geiste der Brüderlichkeit begegnen.",
                "Rechnung Nr. 2026-1187 vom 14. Mai 2026, Größe und Maß geprüft",
            ),
        ),
        Language(
            "el",
            (
                "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια",
                "και τα δικαιώματα. Είναι προικισμένοι με λογική και συνείδηση,",
                "και οφείλουν να συμπεριφέρονται μεταξύ τους με πνεύμα αδελφοσύνης.",
            ),
            "ell",
        ),
        Language(
            "es",
            (
                "Todos los seres humanos nacen libres e iguales en dignidad",
                "y derechos y, dotados como están de razón y conciencia,",
                "deben comportarse fraternalmente los unos con los otros.",
                "Factura n.º 2026-1187 del 14 de mayo de 2026, señor Muñoz",
            ),
        ),
        Language(
            "fr",
            (
                "Tous les êtres humains naissent libres et égaux en dignité",
                "et en droits. Ils sont doués de raison et de conscience et",
                "doivent agir les uns envers les autres dans un esprit de fraternité.",
                "Facture n° 2026-1187 émise le 14 mai 2026 à Besançon",
            ),
        ),
        Language(
            "he",
            (
                "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
                "כולם חוננו בתבונה ובמצפון, לפיכך חובה עליהם לנהוג",
                "איש ברעהו ברוח של אחווה.",
            ),
            "heb",
        ),
        Language(
            "it",
            (
                "Tutti gli esseri umani nascono liberi ed eguali in dignità",
                "e diritti. Essi sono dotati di ragione e di coscienza e devono",
                "agire gli uni verso gli altri in spirito di fratellanza.",
                "Fattura n. 2026-1187 del 14 maggio 2026, perché è già pagata",
            ),
        ),
        Language(
            "ja",
            (
                "すべての人間は、生まれながらにして自由であり、かつ、",
                "尊厳と権利とについて平等である。人間は、理性と良心とを",
                "授けられており、互いに同胞の精神をもって行動しなければならない。",
                "請求書番号 2026-1187 発行日 2026年5月14日",
            ),
            font=DROID,
        ),
        Language(
            "ko",
            (
                "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에",
                "있어 동등하다. 인간은 천부적으로 이성과 양심을 부여받았으며",
                "서로 형제애의 정신으로 행동하여야 한다.",
                "청구서 번호 2026-1187 발행일 2026년 5월 14일",
            ),
            "kor",
            NANUM,
        ),
        Language(
            "pt",
            (
                "Todos os seres humanos nascem livres e iguais em dignidade",
                "e em direitos. Dotados de razão e de consciência, devem agir",
                "uns para com os outros em espírito de fraternidade.",
                "Fatura n.º 2026-1187 de 14 de maio de 2026, São João",
            ),
        ),
        Language(
            "ru",
            (
                "Все люди рождаются свободными и равными в своем достоинстве",
                "и правах. Они наделены разумом и совестью и должны поступать",
                "в отношении друг друга в духе братства.",
                "Счет № 2026-1187 от 14 мая 2026 года, программа Excel",
            ),
            "rus",
        ),
        Language(
            "sk",
            (
                "Všetci ľudia sa rodia slobodní a sebe rovní, čo sa týka ich",
                "dôstojnosti a práv. Sú obdarení rozumom a svedomím a majú",
                "navzájom jednať v bratskom duchu.",
                "Faktúra č. 2026-1187 zo dňa 14. mája 2026",
            ),
            "slk",
        ),
        Language(
            "vi",
            (
                "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm",
                "và quyền lợi. Mọi con người đều được tạo hóa ban cho lý trí và",
                "lương tâm và cần phải đối xử với nhau trong tình bằng hữu.",
                "Hóa đơn số 2026-1187 ngày 14 tháng 5 năm 2026",
            ),
            "vie",
        ),
    )
}


def drawn_page(*languages: Language) -> Image.Image:
    """The languages' lines below each other, black on white; those of Arabic and Hebrew end at the right."""
    lines = [(line, language) for language in languages for line in language.lines]
    page = Image.new("RGB", (1300, 120 + 2 * CAPTION * len(lines)), "white")
    pen = ImageDraw.Draw(page)
    for n, (line, language) in enumerate(lines):
        runs = _runs(line, language.font)
        left = 60.0
        if language.code in {"ar", "he"}:
            left = 1240 - sum(pen.textlength(*run) for run in runs)
        for text, font in runs:
            pen.text((left, 60 + 2 * CAPTION * n), text, "black", font)
            left += pen.textlength(text, font)
    return page


def _runs(line: str, path: Path) -> list[tuple[str, ImageFont.FreeTypeFont]]:
    """Pieces with their fonts: Droid's fallback font has no Latin letters and digits."""
    latin, own = (ImageFont.truetype(font, CAPTION) for font in (DEJAVU, path))
    if path == DEJAVU:
        return [(line, own)]
    return [(text, latin if text.isascii() else own) for text in re.findall(r"[ -~]+|[^ -~]+", line)]
